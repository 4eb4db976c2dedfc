//! Bills of materials in SPDX.
//!
//! Owns the document: its fields, the names of its elements, which licences it can name. What packages there are is `scan`'s to
//! find.

use std::collections::BTreeMap;
use std::time::SystemTime;

use hlb_llb::Digest;
use serde::Serialize;

use super::scan::{Package, Scanned};
use super::statement::{json, statement as say};
use super::{Statement, Subject, clock};
use crate::error::{ErrorKind, SolveError};

/// What a statement says that has a document of SPDX.
pub(super) const PREDICATE: &str = "https://spdx.dev/Document";

const FILE: &str = "sbom.spdx.json";
const NAME: &str = "sbom";
const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const ROOT: &str = "SPDXRef-DocumentRoot-result";
const UNSAID: &str = "NOASSERTION";
/// What the name of a document begins with. Nothing is there, and nobody looks.
const NAMESPACE: &str = "https://hlb.invalid/spdx/";

/// Licences that can be named: those of SPDX's list that packages have. Another name would make the document invalid.
const LICENCES: [&str; 57] = [
    "0BSD",
    "AFL-2.1",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-1.1",
    "Apache-2.0",
    "Artistic-1.0",
    "Artistic-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSD-4-Clause",
    "BSL-1.0",
    "BlueOak-1.0.0",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CDDL-1.0",
    "EPL-1.0",
    "EPL-2.0",
    "FTL",
    "GFDL-1.3-or-later",
    "GPL-1.0-or-later",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "HPND",
    "ICU",
    "IJG",
    "ISC",
    "LGPL-2.0-only",
    "LGPL-2.0-or-later",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "Libpng",
    "MIT",
    "MIT-0",
    "MPL-1.1",
    "MPL-2.0",
    "NCSA",
    "OFL-1.1",
    "OLDAP-2.8",
    "OpenSSL",
    "PSF-2.0",
    "Python-2.0",
    "Ruby",
    "Unicode-3.0",
    "Unlicense",
    "Vim",
    "WTFPL",
    "X11",
    "ZPL-2.1",
    "Zlib",
];
/// What may follow `WITH`.
const EXCEPTIONS: [&str; 7] = [
    "Autoconf-exception-3.0",
    "Bison-exception-2.2",
    "Classpath-exception-2.0",
    "GCC-exception-2.0",
    "GCC-exception-3.1",
    "LLVM-exception",
    "OpenSSL-exception",
];

// Fields in the order of the specification.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: &'static str,
    document_namespace: String,
    creation_info: CreationInfo<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    packages: Vec<Element<'a>>,
    relationships: Vec<Relationship<'a>>,
}

#[derive(Serialize)]
struct CreationInfo<'a> {
    creators: [&'a str; 1],
    created: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Element<'a> {
    name: &'a str,
    #[serde(rename = "SPDXID")]
    id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version_info: &'a str,
    supplier: String,
    download_location: &'static str,
    files_analyzed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_info: Option<String>,
    license_concluded: &'static str,
    license_declared: &'a str,
    copyright_text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_refs: Option<[ExternalRef<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_package_purpose: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef<'a> {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relationship<'a> {
    spdx_element_id: &'a str,
    related_spdx_element: &'a str,
    relationship_type: &'static str,
}

/// Says which packages are in something.
pub(super) fn statement(subjects: &[Subject], scanned: Scanned, created: SystemTime) -> Result<Statement, SolveError> {
    let internal = |error| SolveError::new(ErrorKind::Internal, error);
    let Scanned { packages, remarks } = scanned;
    // One package may be found by two ways.
    let packages: BTreeMap<String, Package> = packages.into_iter().map(|package| (id(&package), package)).collect();
    let creator = concat!("Tool: hlb-runtime-", env!("CARGO_PKG_VERSION"));
    let mut elements = vec![root()];
    elements.extend(packages.iter().map(|(id, package)| element(id, package)));
    let mut relationships =
        vec![Relationship { spdx_element_id: DOCUMENT, related_spdx_element: ROOT, relationship_type: "DESCRIBES" }];
    relationships.extend(packages.keys().map(|id| Relationship {
        spdx_element_id: ROOT,
        related_spdx_element: id,
        relationship_type: "CONTAINS",
    }));
    let created = clock::whole(created);
    // The same packages of the same time have the same name.
    let content = json(&elements).map_err(internal)?;
    let content = Digest::of([created.as_bytes(), &content].concat());
    let document = Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        id: DOCUMENT,
        name: NAME,
        document_namespace: format!("{NAMESPACE}{}", content.hex()),
        creation_info: CreationInfo { creators: [creator], created },
        comment: (!remarks.is_empty()).then(|| remarks.join("\n")),
        packages: elements,
        relationships,
    };
    say(PREDICATE, subjects, &document, FILE.to_owned())
}

/// The name of a package in the document.
fn id(package: &Package) -> String {
    let digest = Digest::of(format!("{}\0{}\0{}\0{}", package.purl, package.name, package.version, package.place));
    format!("SPDXRef-Package-{}-{}", package.kind, digest.hex().get(..16).unwrap_or_default())
}

/// What all packages are in.
fn root() -> Element<'static> {
    Element {
        name: "result",
        id: ROOT,
        version_info: "",
        supplier: UNSAID.to_owned(),
        download_location: UNSAID,
        files_analyzed: false,
        source_info: None,
        license_concluded: UNSAID,
        license_declared: UNSAID,
        copyright_text: UNSAID,
        external_refs: None,
        primary_package_purpose: Some("CONTAINER"),
    }
}

fn element<'a>(id: &'a str, package: &'a Package) -> Element<'a> {
    let license = package.license.as_str();
    Element {
        name: &package.name,
        id,
        version_info: &package.version,
        supplier: supplier(&package.supplier),
        source_info: Some(format!("found in /{}", package.place)),
        license_declared: if is_expression(license) { license } else { UNSAID },
        external_refs: Some([ExternalRef {
            reference_category: "PACKAGE-MANAGER",
            reference_type: "purl",
            reference_locator: &package.purl,
        }]),
        primary_package_purpose: None,
        ..root()
    }
}

/// Who a package is from: a person if there is an address, `Name <address>`.
fn supplier(text: &str) -> String {
    // In two lines it would say something else.
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    match text.strip_suffix('>').and_then(|text| text.split_once('<')) {
        _ if text.is_empty() => UNSAID.to_owned(),
        Some((name, address)) if !name.trim().is_empty() => format!("Person: {} ({})", name.trim(), address.trim()),
        _ => format!("Organization: {text}"),
    }
}

/// Whether a text is a licence expression of SPDX of names that are sure.
fn is_expression(text: &str) -> bool {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let (mut open, mut wants_name, mut wants_exception) = (0_usize, true, false);
    for word in spaced.split_whitespace() {
        match word {
            "(" if wants_name => open += 1,
            ")" if !wants_name && open > 0 => open -= 1,
            "AND" | "OR" if !wants_name => wants_name = true,
            "WITH" if !wants_name => (wants_name, wants_exception) = (true, true),
            name if wants_exception && EXCEPTIONS.contains(&name) => (wants_name, wants_exception) = (false, false),
            name if wants_name && !wants_exception && LICENCES.contains(&name) => wants_name = false,
            _ => return false,
        }
    }
    open == 0 && !wants_name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(kind: &'static str, name: &str, license: &str, supplier: &str) -> Package {
        Package {
            kind,
            name: name.to_owned(),
            version: "1.0".to_owned(),
            supplier: supplier.to_owned(),
            license: license.to_owned(),
            purl: format!("pkg:{kind}/{name}@1.0"),
            place: "lib/apk/db/installed".to_owned(),
        }
    }

    fn check(packages: &[Package], remarks: &[&str]) -> String {
        let scanned =
            Scanned { packages: packages.to_vec(), remarks: remarks.iter().map(|it| (*it).to_owned()).collect() };
        let subjects = [Subject { name: "_".to_owned(), digest: Digest::of("") }];
        let said = statement(&subjects, scanned, clock::at(1_445_412_480)).unwrap();
        assert_eq!(said.file_name, "sbom.spdx.json");
        let said: serde_json::Value = serde_json::from_slice(&said.bytes).unwrap();
        serde_json::to_string_pretty(&said["predicate"]).unwrap()
    }

    #[test]
    fn documents_describe_what_was_found() {
        let musl = package("apk", "musl", "MIT", "A <a@b>");
        let said = check(&[musl.clone(), musl, package("npm", "x", "BSD", "")], &["rpm"]);
        insta::assert_snapshot!(said, @r#"
        {
          "SPDXID": "SPDXRef-DOCUMENT",
          "comment": "rpm",
          "creationInfo": {
            "created": "2015-10-21T07:28:00Z",
            "creators": [
              "Tool: hlb-runtime-0.1.0"
            ]
          },
          "dataLicense": "CC0-1.0",
          "documentNamespace": "https://hlb.invalid/spdx/ffba6ca7306b5293a30f22a8cb43def4998fa2589211dcb0718f8b74addf4876",
          "name": "sbom",
          "packages": [
            {
              "SPDXID": "SPDXRef-DocumentRoot-result",
              "copyrightText": "NOASSERTION",
              "downloadLocation": "NOASSERTION",
              "filesAnalyzed": false,
              "licenseConcluded": "NOASSERTION",
              "licenseDeclared": "NOASSERTION",
              "name": "result",
              "primaryPackagePurpose": "CONTAINER",
              "supplier": "NOASSERTION"
            },
            {
              "SPDXID": "SPDXRef-Package-apk-ee6de1c6610d77a8",
              "copyrightText": "NOASSERTION",
              "downloadLocation": "NOASSERTION",
              "externalRefs": [
                {
                  "referenceCategory": "PACKAGE-MANAGER",
                  "referenceLocator": "pkg:apk/musl@1.0",
                  "referenceType": "purl"
                }
              ],
              "filesAnalyzed": false,
              "licenseConcluded": "NOASSERTION",
              "licenseDeclared": "MIT",
              "name": "musl",
              "sourceInfo": "found in /lib/apk/db/installed",
              "supplier": "Person: A (a@b)",
              "versionInfo": "1.0"
            },
            {
              "SPDXID": "SPDXRef-Package-npm-3a2e027222cc29bc",
              "copyrightText": "NOASSERTION",
              "downloadLocation": "NOASSERTION",
              "externalRefs": [
                {
                  "referenceCategory": "PACKAGE-MANAGER",
                  "referenceLocator": "pkg:npm/x@1.0",
                  "referenceType": "purl"
                }
              ],
              "filesAnalyzed": false,
              "licenseConcluded": "NOASSERTION",
              "licenseDeclared": "NOASSERTION",
              "name": "x",
              "sourceInfo": "found in /lib/apk/db/installed",
              "supplier": "NOASSERTION",
              "versionInfo": "1.0"
            }
          ],
          "relationships": [
            {
              "relatedSpdxElement": "SPDXRef-DocumentRoot-result",
              "relationshipType": "DESCRIBES",
              "spdxElementId": "SPDXRef-DOCUMENT"
            },
            {
              "relatedSpdxElement": "SPDXRef-Package-apk-ee6de1c6610d77a8",
              "relationshipType": "CONTAINS",
              "spdxElementId": "SPDXRef-DocumentRoot-result"
            },
            {
              "relatedSpdxElement": "SPDXRef-Package-npm-3a2e027222cc29bc",
              "relationshipType": "CONTAINS",
              "spdxElementId": "SPDXRef-DocumentRoot-result"
            }
          ],
          "spdxVersion": "SPDX-2.3"
        }
        "#);
    }

    #[test]
    fn nothing_found_is_a_document_too() {
        let said = check(&[], &[]);
        assert!(said.contains(ROOT) && !said.contains("comment") && !said.contains("CONTAINS"), "{said}");
    }

    #[test]
    fn licences_are_sure_or_left_out() {
        for good in
            ["MIT", "MIT AND (GPL-2.0-only OR Apache-2.0)", "GPL-2.0-or-later WITH Classpath-exception-2.0", "((MIT))"]
        {
            assert!(is_expression(good), "{good}");
        }
        for bad in
            ["", "BSD", "MIT License", "(MIT", "MIT)", "MIT AND", "OR MIT", "MIT WITH MIT", "WITH", "AND", "()", "mit"]
        {
            assert!(!is_expression(bad), "{bad}");
        }
    }

    #[test]
    fn suppliers_are_persons_or_organisations() {
        for (text, said) in [
            ("", "NOASSERTION"),
            ("A B <a@b>", "Person: A B (a@b)"),
            ("<a@b>", "Organization: <a@b>"),
            (" Corp\nTool: x ", "Organization: Corp Tool: x"),
        ] {
            assert_eq!(supplier(text), said);
        }
    }
}
