//! Protobuf without a schema: bytes as fields that can be changed, so that what results is still a message.

/// Numbers that follow from a seed, the same ones on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `options`, which is not 0.
    pub(crate) fn below(&mut self, options: usize) -> usize {
        usize::try_from(self.next() % options as u64).unwrap()
    }
}

/// A field of a message.
#[derive(Clone)]
struct Field {
    number: u32,
    value: Value,
}

#[derive(Clone)]
enum Value {
    Number(u64),
    Bytes(Vec<u8>),
    /// Four or eight bytes, of which LLB has none.
    Fixed(Vec<u8>),
}

/// What no field of LLB expects, or every second one.
const NUMBERS: [u64; 9] =
    [0, 1, 2, 7, u64::MAX, u64::MAX - 1, i64::MAX as u64, i32::MAX as u64, i32::MIN as i64 as u64];

/// A message with one field changed somewhere inside. Bytes that are no message have one byte changed.
pub(crate) fn change_field(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let fields = parse(bytes).filter(|fields| !fields.is_empty());
    let Some(mut fields) = fields else { return flip(bytes, random) };
    let chosen = random.below(fields.len());
    if let Value::Bytes(inner) = &fields[chosen].value
        && random.below(4) != 0
        && !inner.is_empty()
    {
        fields[chosen].value = Value::Bytes(change_field(inner, random));
        return write(&fields);
    }
    match random.below(7) {
        0 => {
            fields.remove(chosen);
        }
        1 => {
            let again = fields[chosen].clone();
            let times = [1, 2, 40][random.below(3)];
            fields.splice(chosen..chosen, std::iter::repeat_n(again, times));
        }
        2 => fields[chosen].number = [1, 2, 3, 4, 8, 10, 19, 24, 5000][random.below(9)],
        3 => {
            let other = fields[random.below(fields.len())].value.clone();
            fields[chosen].value = other;
        }
        4 => fields[chosen].value = Value::Bytes(write(&fields)),
        5 => fields[chosen].value = Value::Fixed(vec![0xff; [4, 8][random.below(2)]]),
        _ => {
            fields[chosen].value = match &fields[chosen].value {
                Value::Bytes(_) => {
                    Value::Bytes([&b""[..], b"/", b"sha256:", b"\xff\xfe", b"a://b"][random.below(5)].to_vec())
                }
                _ => Value::Number(NUMBERS[random.below(NUMBERS.len())]),
            };
        }
    }
    write(&fields)
}

/// The same with one bit or byte changed.
pub(crate) fn flip(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if bytes.is_empty() {
        return vec![random.next().to_le_bytes()[0]];
    }
    let position = random.below(bytes.len());
    bytes[position] = match random.below(3) {
        0 => bytes[position] ^ (1 << random.below(8)),
        1 => random.next().to_le_bytes()[0],
        _ => [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x12][random.below(7)],
    };
    bytes
}

fn parse(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let number = u32::try_from(key >> 3).ok().filter(|number| *number > 0)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut bytes)?),
            1 => Value::Fixed(take(&mut bytes, 8)?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                Value::Bytes(take(&mut bytes, length)?)
            }
            5 => Value::Fixed(take(&mut bytes, 4)?),
            _ => return None,
        };
        fields.push(Field { number, value });
    }
    Some(fields)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    prost::encoding::decode_varint(bytes).ok()
}

fn take(bytes: &mut &[u8], length: usize) -> Option<Vec<u8>> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken.to_vec())
}

fn write(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        let key = |kind: u64| u64::from(field.number) << 3 | kind;
        match &field.value {
            Value::Number(number) => {
                prost::encoding::encode_varint(key(0), &mut out);
                prost::encoding::encode_varint(*number, &mut out);
            }
            Value::Bytes(bytes) => {
                prost::encoding::encode_varint(key(2), &mut out);
                prost::encoding::encode_varint(bytes.len() as u64, &mut out);
                out.extend_from_slice(bytes);
            }
            Value::Fixed(bytes) => {
                prost::encoding::encode_varint(key(if bytes.len() == 4 { 5 } else { 1 }), &mut out);
                out.extend_from_slice(bytes);
            }
        }
    }
    out
}

#[test]
fn fields_come_out_as_they_went_in() {
    for case in crate::corpus::cases() {
        assert_eq!(write(&parse(&case.bytes).unwrap()), case.bytes, "{}", case.name);
    }
}
