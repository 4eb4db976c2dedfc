//! Pictures of what a terminal editor shows: tmux is the terminal, Chromium draws what it says is on the screen.
//!
//! Owns the size of the terminal, its colours, and the test that a picture shows something. Must not know any editor.

use super::{Result, Stage};
use crate::host;
use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

const COLUMNS: usize = 120;
const LINES: usize = 40;
/// What the letters of such a terminal need, in pixels.
const SIZE: &str = "--window-size=1040,712";
/// How long an editor may take until it shows what it is asked for.
const LIMIT: Duration = Duration::from_secs(30);
/// A picture of 120 by 40 letters in colours has more bytes and colours than this; an empty or broken one has not.
const LEAST: (u64, u64) = (20_000, 50);

/// What is shown in pictures, each by the script that drives the editor when `$HLB_POSE` says so.
const POSES: [&str; 3] = ["diagnostics", "completion", "hover"];

/// Takes a picture of each pose, `EDITOR-POSE.png`, of an editor that `start` adds to the command line of a terminal.
///
/// # Errors
/// With the first pose that the editor does not show.
pub(super) fn poses(stage: &Stage, editor: &str, start: impl Fn(&mut Command)) -> Result<()> {
    for pose in POSES {
        let dir = stage.workspace(editor)?;
        take(stage, &format!("{editor}-{pose}"), &dir, |command| {
            start(command);
            command.env("HLB_POSE", pose);
        })?;
    }
    Ok(())
}

/// Takes the picture `NAME.png` of an editor that `start` adds to the command line of a terminal in `dir`. The editor
/// makes the file `$HLB_POSED` when it shows what it was asked for.
fn take(stage: &Stage, name: &str, dir: &Path, start: impl FnOnce(&mut Command)) -> Result<()> {
    let files = stage.work.join("shots");
    fs::create_dir_all(&files)?;
    let posed = files.join(format!("{name}.posed"));
    if posed.exists() {
        fs::remove_file(&posed)?;
    }
    // A server of its own, which ends with the editor.
    let socket = format!("hlbc-{name}-{}", std::process::id());
    let tmux = || {
        let mut tmux = stage.command("tmux", dir);
        tmux.args(["-u", "-L", &socket, "-f", "/dev/null"]);
        tmux
    };
    let mut open = tmux();
    open.args(["set-option", "-g", "default-terminal", "tmux-256color", ";", "set-option", "-g", "status", "off"]);
    let (width, height) = (COLUMNS.to_string(), LINES.to_string());
    open.args([";", "new-session", "-d", "-x", &width, "-y", &height]);
    open.env("HLB_POSED", &posed).env("COLORTERM", "truecolor").env("LANG", "C.UTF-8").env_remove("TMUX");
    start(&mut open);
    host::run(&mut open)?;
    let screen = screen(&posed, || host::read(tmux().args(["capture-pane", "-e", "-p", "-N"])));
    // The editor may have ended by itself, and the server with it.
    let _ = tmux().arg("kill-server").stderr(std::process::Stdio::null()).status();
    let screen = screen.map_err(|error| format!("{name}: {error}"))?;
    let page = files.join(format!("{name}.html"));
    fs::write(&page, html(&screen))?;
    let picture = stage.pictures.join(format!("{name}.png"));
    draw(stage, &page, &picture)?;
    look(stage, &picture)
}

/// What is on the screen once the editor has posed and drawn itself: two looks in a row see the same.
fn screen(posed: &Path, capture: impl Fn() -> Result<String>) -> Result<String> {
    let start = Instant::now();
    let mut last = String::new();
    loop {
        thread::sleep(Duration::from_millis(250));
        let now = capture()?;
        if posed.exists() && now == last && !now.trim().is_empty() {
            return Ok(now);
        }
        if start.elapsed() > LIMIT {
            return Err(format!("never showed what it was asked for; the screen is:\n{now}").into());
        }
        last = now;
    }
}

fn draw(stage: &Stage, page: &Path, picture: &Path) -> Result<()> {
    let mut chromium = stage.command("chromium", &stage.work);
    chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--log-level=3", SIZE]);
    chromium.arg(format!("--user-data-dir={}", stage.work.join("chromium").display()));
    chromium.arg(format!("--screenshot={}", picture.display())).arg(format!("file://{}", page.display()));
    let out = chromium.output()?;
    if out.status.success() && picture.is_file() {
        return Ok(());
    }
    Err(format!("chromium made no picture: {}", String::from_utf8_lossy(&out.stderr)).into())
}

/// Whether a picture shows something.
///
/// # Errors
/// When it is no picture, or too small or too even for one of an editor with text in colours.
pub(super) fn look(stage: &Stage, picture: &Path) -> Result<()> {
    let bytes = fs::metadata(picture)?.len();
    let colours = host::read(stage.command("node", &stage.work).arg(stage.script("colours.mjs")).arg(picture))?;
    let colours: u64 = colours.trim().parse()?;
    let seen = format!("{}: {bytes} bytes, {colours} colours", picture.display());
    println!("  {seen}");
    if bytes > LEAST.0 && colours > LEAST.1 { Ok(()) } else { Err(format!("a blank picture: {seen}").into()) }
}

/// A page that shows what `tmux capture-pane -e` gave.
fn html(screen: &str) -> String {
    let mut page = String::from(
        "<!doctype html><meta charset=utf-8><style>body{margin:0;background:#1b1d23}\
         pre{margin:0;padding:14px;font:14px/17px 'DejaVu Sans Mono',monospace;color:#d5d8df}</style><pre>",
    );
    let mut style = Style::default();
    let mut parts = screen.split('\x1b');
    text(&mut page, &style, parts.next().unwrap_or_default());
    for part in parts {
        let codes = part.strip_prefix('[').and_then(|part| part.split_once('m'));
        match codes {
            Some((codes, rest)) if codes.chars().all(|it| it.is_ascii_digit() || ";:".contains(it)) => {
                style.apply(codes);
                text(&mut page, &style, rest);
            }
            // Another character set, or a title: nothing to see.
            _ => text(&mut page, &style, part.get(2..).unwrap_or_default()),
        }
    }
    page.push_str("</pre>\n");
    page
}

fn text(page: &mut String, style: &Style, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let css = style.css();
    if css.is_empty() || text.is_empty() {
        page.push_str(&text);
    } else {
        let _ = write!(page, "<span style=\"{css}\">{text}</span>");
    }
}

/// How letters look.
#[derive(Default)]
struct Style {
    ink: Option<String>,
    ground: Option<String>,
    bold: bool,
    italic: bool,
    line: Option<&'static str>,
    swapped: bool,
}

impl Style {
    fn apply(&mut self, codes: &str) {
        let mut codes = codes.split(';');
        while let Some(code) = codes.next() {
            // What stands behind a colon belongs to one code: `4:3` is a wavy line.
            let (number, detail) = code.split_once(':').unwrap_or((code, ""));
            match number.parse().unwrap_or(0) {
                0 => *self = Self::default(),
                1 => self.bold = true,
                3 => self.italic = true,
                4 => self.line = if detail == "3" { Some("underline wavy") } else { Some("underline") },
                7 => self.swapped = true,
                9 => self.line = Some("line-through"),
                22 => self.bold = false,
                23 => self.italic = false,
                24 | 29 => self.line = None,
                27 => self.swapped = false,
                code @ 30..=37 => self.ink = Some(palette(code - 30)),
                38 => self.ink = colour(&mut codes).or(self.ink.take()),
                39 => self.ink = None,
                code @ 40..=47 => self.ground = Some(palette(code - 40)),
                48 => self.ground = colour(&mut codes).or(self.ground.take()),
                49 => self.ground = None,
                // The colour of a line under letters.
                58 if detail.is_empty() => drop(colour(&mut codes)),
                code @ 90..=97 => self.ink = Some(palette(code - 82)),
                code @ 100..=107 => self.ground = Some(palette(code - 92)),
                _ => {}
            }
        }
    }

    fn css(&self) -> String {
        let (mut ink, mut ground) = (self.ink.clone(), self.ground.clone());
        if self.swapped {
            let (dark, light) = ("#1b1d23".to_owned(), "#d5d8df".to_owned());
            (ink, ground) = (Some(ground.unwrap_or(dark)), Some(ink.unwrap_or(light)));
        }
        let mut css = String::new();
        let colours = [("color", ink), ("background", ground)];
        for (name, colour) in colours.into_iter().filter_map(|(name, colour)| Some((name, colour?))) {
            let _ = write!(css, "{name}:{colour};");
        }
        if self.bold {
            css.push_str("font-weight:bold;");
        }
        if self.italic {
            css.push_str("font-style:italic;");
        }
        if let Some(line) = self.line {
            let _ = write!(css, "text-decoration:{line};");
        }
        css
    }
}

/// The colour whose codes follow: `5;N` or `2;R;G;B`.
fn colour<'a>(codes: &mut impl Iterator<Item = &'a str>) -> Option<String> {
    let mut number = || codes.next().and_then(|code| code.parse::<u32>().ok());
    match number()? {
        5 => Some(palette(number()?)),
        2 => Some(format!("#{:02x}{:02x}{:02x}", number()?, number()?, number()?)),
        _ => None,
    }
}

/// A colour of the 256.
fn palette(number: u32) -> String {
    const NAMED: [&str; 16] = [
        "#1b1d23", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#c8ccd4", "#6b7280", "#ff7b86",
        "#b5e08f", "#ffd88a", "#82c4ff", "#dd9bf0", "#74d3df", "#ffffff",
    ];
    let part = |level: u32| if level == 0 { 0 } else { 55 + 40 * level };
    match number {
        0..=15 => NAMED.get(number as usize).copied().unwrap_or("#ffffff").to_owned(),
        16..=231 => {
            let cube = number - 16;
            format!("#{:02x}{:02x}{:02x}", part(cube / 36), part(cube / 6 % 6), part(cube % 6))
        }
        _ => {
            let grey = 8 + 10 * number.saturating_sub(232).min(23);
            format!("#{grey:02x}{grey:02x}{grey:02x}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(screen: &str, expected: &str) {
        let page = html(screen);
        let body = page.split_once("<pre>").unwrap().1.strip_suffix("</pre>\n").unwrap();
        assert_eq!(body, expected, "{screen:?}");
    }

    #[test]
    fn what_a_terminal_shows_becomes_a_page() {
        check("a <b> & c\nd", "a &lt;b> &amp; c\nd");
        check("\x1b[1;31mred\x1b[0m no", "<span style=\"color:#e06c75;font-weight:bold;\">red</span> no");
        check("\x1b[38;2;1;2;255mx\x1b[39my", "<span style=\"color:#0102ff;\">x</span>y");
        check("\x1b[48;5;16mx\x1b[49my", "<span style=\"background:#000000;\">x</span>y");
        check("\x1b[38;5;231;3mx", "<span style=\"color:#ffffff;font-style:italic;\">x</span>");
        check("\x1b[7mx\x1b[27my", "<span style=\"color:#1b1d23;background:#d5d8df;\">x</span>y");
        check("\x1b[4:3mx\x1b[24my", "<span style=\"text-decoration:underline wavy;\">x</span>y");
        check("\x1b[58;2;1;2;3mx\x1b[58:2::1:2:3my", "xy");
        check("\x1b(Bplain\x1b[m.", "plain.");
    }
}
