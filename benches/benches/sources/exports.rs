//! Eight layers that nobody has packed yet, written out in each form.

use std::error::Error;

use hlb_bench::{Side, race};

use crate::studio::Studio;

const ROUNDS: usize = 3;

pub(crate) fn compare(studio: &Studio) -> Result<(), Box<dyn Error>> {
    let program = Studio::program("");
    let forms = [
        ("OCI archive, gzip", "type=oci,dest=out", "pigz -6 and tar", "tar -c tree | pigz -p 2 -6 > theirs"),
        (
            "OCI archive, zstd",
            "type=oci,compression=zstd,dest=out",
            "zstd -3 and tar",
            "tar -c tree | zstd -q -T2 -3 > theirs",
        ),
        ("OCI archive, not compressed", "type=oci,compression=uncompressed,dest=out", "tar", "tar -cf theirs tree"),
        ("Docker archive", "type=docker,name=bench,dest=out", "pigz -6 and tar", "tar -c tree | pigz -p 2 -6 > theirs"),
        ("tar file", "type=tar,dest=out", "tar", "tar -cf theirs tree"),
        ("directory", "type=local,dest=out", "cp -a", "cp -a tree theirs"),
    ];
    for (name, output, rival, command) in forms {
        race(
            &format!("export of 8 layers: {name}"),
            ROUNDS,
            (studio.megabytes, "MB"),
            vec![
                Side::new("hlbc", || studio.build(&program, "state", &["-o", output])).after(|| {
                    studio.forget_blobs("state");
                    studio.remove("project/out");
                }),
                Side::new(rival, || studio.shell(command)).after(|| studio.remove("theirs")),
            ],
        );
        studio.remove("theirs");
        studio.remove("project/out");
    }
    Ok(())
}
