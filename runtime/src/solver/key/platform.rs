//! Names of platforms.
//!
//! Owns how different names of one platform become the same, so that they have the same keys.

use hlb_llb::pb;

/// The platform by its usual name; this machine's if there is none.
pub(super) fn of(platform: Option<&pb::Platform>) -> pb::Platform {
    match platform {
        Some(platform) => normal(platform),
        None => host(),
    }
}

fn host() -> pb::Platform {
    let variant = if std::env::consts::ARCH == "arm" { "v7" } else { "" };
    normal(&pb::Platform {
        os: std::env::consts::OS.to_owned(),
        architecture: std::env::consts::ARCH.to_owned(),
        variant: variant.to_owned(),
        ..Default::default()
    })
}

fn normal(platform: &pb::Platform) -> pb::Platform {
    let os = match platform.os.to_lowercase().as_str() {
        "" => std::env::consts::OS.to_owned(),
        "macos" => "darwin".to_owned(),
        other => other.to_owned(),
    };
    let (architecture, variant) =
        normal_architecture(&platform.architecture.to_lowercase(), &platform.variant.to_lowercase());
    pb::Platform { os, architecture, variant, ..platform.clone() }
}

fn normal_architecture(architecture: &str, variant: &str) -> (String, String) {
    let (architecture, variant) = match (architecture, variant) {
        ("i386" | "x86", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
        ("x86_64" | "x86-64", _) => ("amd64", variant),
        ("aarch64" | "arm64", "8" | "v8") => ("arm64", ""),
        ("aarch64", _) => ("arm64", variant),
        ("armhf", _) => ("arm", "v7"),
        ("armel", _) => ("arm", "v6"),
        ("arm", "" | "7") => ("arm", "v7"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "6") => ("arm", "v6"),
        ("arm", "8") => ("arm", "v8"),
        other => other,
    };
    (architecture.to_owned(), variant.to_owned())
}
