//! Compression on all cores.
//!
//! Owns how a stream is cut into blocks, compressed beside one another and put together in order. Blocks have a fixed size, so the
//! bytes depend neither on the number of cores nor on how the stream was written. Those of gzip begin with the end of the one
//! before as their dictionary, and hardly differ in length from those of one long stream; each of zstd is a frame of its own,
//! which readers take for one stream. Whoever fills a stream of gzip can cut it into members that can be read alone, and learn
//! where they are.

use std::io::{self, Write};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use hlb_llb::Digest;
use hlb_llb::digest::Hasher;

/// Of the uncompressed stream, where blocks know of one another.
const BLOCK: usize = 1 << 20;
/// Where they do not, longer ones lose less.
const ZSTD_BLOCK: usize = 4 << 20;
/// How far back deflate looks.
const WINDOW: usize = 32 << 10;
const MAX_THREADS: usize = 16;
/// No time, no name; made by an unknown system, as Go writes it.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// How blocks are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    /// They stay as they are.
    None,
    /// At a level from 0 to 9.
    Gzip(u32),
    /// At a level from 0 to 22, where 0 is what is usual.
    Zstd(i32),
}

/// What was compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packed {
    /// Of the uncompressed stream.
    pub(crate) digest: Digest,
    /// Its length in bytes.
    pub(crate) size: u64,
}

/// Why nothing came of it.
#[derive(Debug)]
pub(crate) enum PackError<E> {
    /// What filled the stream failed.
    Fill(E),
    /// The compressed stream cannot be written.
    Write(io::Error),
}

/// Compresses what `fill` writes. An error of `out` reaches `fill` as a broken pipe.
pub(crate) fn pack<E>(
    codec: Codec,
    out: &mut (dyn Write + Send),
    fill: impl FnOnce(&mut Blocks) -> Result<(), E>,
) -> Result<Packed, PackError<E>> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
    let (jobs, work) = channel();
    // As many blocks are under way as keep everybody busy; the memory that takes does not grow with the stream.
    let (order, ordered) = sync_channel(if codec.block() > BLOCK { threads + 1 } else { 2 * threads });
    let (start, starts) = channel();
    let work = Arc::new(Mutex::new(work));
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || write(out, &ordered, &start));
        for _ in 0..threads {
            let work = Arc::clone(&work);
            scope.spawn(move || compress(codec, &work));
        }
        // Once no worker is left, whoever sends work must notice.
        drop(work);
        let mut blocks = Blocks {
            codec,
            jobs,
            order,
            block: Vec::new(),
            before: Arc::default(),
            hasher: Hasher::default(),
            crc: Crc::new(),
            size: 0,
            starts,
            begun: 0,
        };
        let filled = match blocks.begin() {
            Ok(_) => fill(&mut blocks),
            // The writer died, and says why.
            Err(error) => {
                return Err(writer.join().ok().and_then(Result::err).map_or(PackError::Write(error), PackError::Write));
            }
        };
        let ended = filled.map_err(PackError::Fill).and_then(|()| blocks.finish().map_err(PackError::Write));
        // The first failure of the other side is the cause of ours.
        match (writer.join(), ended) {
            (Ok(Err(error)), _) => Err(PackError::Write(error)),
            (Err(_), _) => Err(PackError::Write(io::Error::other("a thread that wrote a layer died"))),
            (Ok(Ok(())), ended) => ended,
        }
    })
}

/// The stream that is compressed.
pub(crate) struct Blocks {
    codec: Codec,
    jobs: Sender<Job>,
    order: SyncSender<Piece>,
    block: Vec<u8>,
    before: Arc<Vec<u8>>,
    hasher: Hasher,
    crc: Crc,
    size: u64,
    starts: Receiver<u64>,
    /// Members.
    begun: usize,
}

struct Job {
    before: Arc<Vec<u8>>,
    block: Arc<Vec<u8>>,
    last: bool,
    done: SyncSender<io::Result<Vec<u8>>>,
}

/// A part of the compressed stream.
enum Piece {
    /// The header of a member.
    Start,
    Block(Receiver<io::Result<Vec<u8>>>),
    Trailer([u8; 8]),
}

impl Blocks {
    /// Begins a member, which can be read without what comes before it. Its number, counted from 0.
    pub(crate) fn cut(&mut self) -> io::Result<usize> {
        self.end()?;
        self.begin()
    }

    /// Where each member begins in the compressed stream, that of the current one included. Waits until what comes before is
    /// written. To be asked once.
    pub(crate) fn starts(&mut self) -> io::Result<Vec<u64>> {
        let starts: Vec<u64> = self.starts.iter().take(self.begun).collect();
        if starts.len() == self.begun { Ok(starts) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }

    fn begin(&mut self) -> io::Result<usize> {
        self.before = Arc::default();
        self.crc.reset();
        if self.is_gzip() {
            self.order.send(Piece::Start).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        }
        self.begun += 1;
        Ok(self.begun - 1)
    }

    fn is_gzip(&self) -> bool {
        matches!(self.codec, Codec::Gzip(_))
    }

    fn send(&mut self, last: bool) -> io::Result<()> {
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let block = Arc::new(std::mem::take(&mut self.block));
        self.hasher.update(block.as_slice());
        if self.is_gzip() {
            self.crc.update(&block);
        }
        self.size += block.len() as u64;
        let (done, result) = sync_channel(1);
        let before = std::mem::replace(&mut self.before, Arc::clone(&block));
        self.order.send(Piece::Block(result)).map_err(|_| gone())?;
        self.jobs.send(Job { before, block, last, done }).map_err(|_| gone())
    }

    /// Ends a member.
    fn end(&mut self) -> io::Result<()> {
        self.send(true)?;
        if !self.is_gzip() {
            return Ok(());
        }
        let mut trailer = [0; 8];
        let sums = self.crc.sum().to_le_bytes().into_iter().chain(self.crc.amount().to_le_bytes());
        trailer.iter_mut().zip(sums).for_each(|(to, from)| *to = from);
        self.order.send(Piece::Trailer(trailer)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }

    fn finish(mut self) -> io::Result<Packed> {
        self.end()?;
        Ok(Packed { digest: self.hasher.finish(), size: self.size })
    }
}

impl Write for Blocks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let full = self.codec.block();
        if self.block.capacity() == 0 {
            self.block.reserve_exact(full);
        }
        let count = bytes.len().min(full - self.block.len());
        self.block.extend_from_slice(bytes.get(..count).unwrap_or_default());
        if self.block.len() == full {
            self.send(false)?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write(out: &mut dyn Write, ordered: &Receiver<Piece>, starts: &Sender<u64>) -> io::Result<()> {
    let mut written = 0;
    for piece in ordered {
        let block;
        let bytes = match &piece {
            Piece::Start => {
                // Nobody listens any more if the stream is full.
                let _ = starts.send(written);
                HEADER.as_slice()
            }
            Piece::Block(result) => {
                let died = || io::Error::other("a thread that compressed a layer died");
                block = result.recv().map_err(|_| died())??;
                block.as_slice()
            }
            Piece::Trailer(trailer) => trailer.as_slice(),
        };
        out.write_all(bytes)?;
        written += bytes.len() as u64;
    }
    Ok(())
}

impl Codec {
    /// How long a block is before it is compressed.
    fn block(self) -> usize {
        if matches!(self, Self::Zstd(_)) { ZSTD_BLOCK } else { BLOCK }
    }
}

fn compress(codec: Codec, work: &Mutex<Receiver<Job>>) {
    loop {
        let job = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // Nobody waits for it if writing failed; the sender finds out by itself.
        let _ = job.done.send(match codec {
            Codec::None => Ok(job.block.to_vec()),
            Codec::Gzip(level) => deflate(level, &job.before, &job.block, job.last),
            // A stream that is empty is a frame all the same; behind others, an empty one says nothing.
            Codec::Zstd(_) if job.block.is_empty() && !job.before.is_empty() => Ok(Vec::new()),
            Codec::Zstd(level) => zstd::bulk::compress(&job.block, level),
        });
    }
}

fn deflate(level: u32, before: &[u8], block: &[u8], last: bool) -> io::Result<Vec<u8>> {
    let mut state = Compress::new(Compression::new(level), false);
    let window = before.get(before.len().saturating_sub(WINDOW)..).unwrap_or_default();
    if !window.is_empty() {
        state.set_dictionary(window)?;
    }
    let flush = if last { FlushCompress::Finish } else { FlushCompress::Sync };
    let mut out = Vec::with_capacity(block.len() / 2 + 1024);
    loop {
        let done = usize::try_from(state.total_in()).unwrap_or(usize::MAX);
        let status = state.compress_vec(block.get(done..).unwrap_or_default(), &mut out, flush)?;
        // A flush is complete when there is room left.
        let whole = state.total_in() == block.len() as u64 && out.len() < out.capacity();
        match status {
            Status::StreamEnd => return Ok(out),
            _ if whole && !last => return Ok(out),
            _ => out.reserve(block.len() / 4 + 1024),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// Bytes of which some repeat soon, some late and some never.
    fn data(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let noise = (state >> 33).to_le_bytes();
            match state >> 62 {
                0 => bytes.extend_from_slice(&noise),
                1 => bytes.extend_from_slice(b"some words that come again and again"),
                _ => {
                    let from = (state >> 20) as usize % (bytes.len() + 1);
                    let again: Vec<u8> = bytes[from..].iter().copied().take(200).collect();
                    bytes.extend_from_slice(&again);
                }
            }
        }
        bytes.truncate(length);
        bytes
    }

    const USUAL: Codec = Codec::Gzip(6);

    fn packed(codec: Codec, data: &[u8], step: usize) -> (Vec<u8>, Packed) {
        let mut out = Vec::new();
        let packed =
            pack(codec, &mut out, |stream| data.chunks(step).try_for_each(|piece| stream.write_all(piece))).unwrap();
        (out, packed)
    }

    #[test]
    fn streams_come_back_whole() {
        for length in [0, 1, 1000, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 5 * BLOCK + 77] {
            let data = data(length);
            let (bytes, sums) = packed(USUAL, &data, 100_000);
            assert_eq!(sums, Packed { digest: Digest::of(&data), size: length as u64 });
            let mut back = Vec::new();
            // One member: readers that stop after the first one lose nothing.
            flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut back).unwrap();
            assert!(back == data, "{length}");
            assert!(packed(USUAL, &data, 777).0 == bytes, "the bytes depend on how {length} were written");
        }
    }

    #[test]
    fn streams_of_other_codecs_come_back_whole() {
        let all = data(2 * ZSTD_BLOCK + 77);
        let check = |codec: Codec, length: usize, read: fn(&[u8]) -> Vec<u8>| {
            let data = &all[..length];
            let (bytes, said) = packed(codec, data, 100_000);
            assert_eq!(said, Packed { digest: Digest::of(data), size: length as u64 });
            assert!(read(&bytes) == data, "{length} with {codec:?}");
            assert!(packed(codec, data, 777_777).0 == bytes, "the bytes depend on how {length} were written");
            bytes
        };
        for length in [0, 1, ZSTD_BLOCK - 1, ZSTD_BLOCK, ZSTD_BLOCK + 1, all.len()] {
            let bytes = check(Codec::Zstd(0), length, |bytes| zstd::decode_all(bytes).unwrap());
            if length <= ZSTD_BLOCK {
                // Programs that read one frame only find all of a small layer in it.
                assert_eq!(zstd::zstd_safe::find_frame_compressed_size(&bytes), Ok(bytes.len()));
            }
            check(Codec::None, length, <[u8]>::to_vec);
        }
        for level in [1, 3, 19, 22] {
            check(Codec::Zstd(level), 100_000, |bytes| zstd::decode_all(bytes).unwrap());
        }
        for level in [0, 1, 9] {
            check(Codec::Gzip(level), BLOCK + 1, |bytes| {
                let mut back = Vec::new();
                flate2::read::GzDecoder::new(bytes).read_to_end(&mut back).unwrap();
                back
            });
        }
    }

    #[test]
    fn blocks_cost_hardly_anything() {
        let data = data(8 * BLOCK);
        let mut whole = flate2::write::GzEncoder::new(Vec::new(), Compression::new(6));
        whole.write_all(&data).unwrap();
        let (whole, blocks) = (whole.finish().unwrap().len(), packed(USUAL, &data, BLOCK).0.len());
        assert!(blocks * 100 < whole * 101, "{blocks} bytes instead of {whole}");
    }

    #[test]
    fn failures_of_both_sides_are_told_apart() {
        struct Full(usize);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 = self.0.checked_sub(bytes.len()).ok_or_else(|| io::Error::from(io::ErrorKind::StorageFull))?;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let data = data(20 * BLOCK);
        for room in [0, 100, BLOCK] {
            let failed = pack(USUAL, &mut Full(room), |stream| stream.write_all(&data)).unwrap_err();
            assert!(
                matches!(&failed, PackError::Write(error) if error.kind() == io::ErrorKind::StorageFull),
                "{failed:?}"
            );
        }
        let failed = pack(USUAL, &mut Vec::new(), |stream| stream.write_all(&data).and(Err(io::Error::other("own"))))
            .unwrap_err();
        assert!(matches!(&failed, PackError::Fill(error) if error.to_string() == "own"), "{failed:?}");
    }
}
