//! The protocols of `--stream`, line by line.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const STEPS: usize = 120;

fn autowu() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_autowu"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// All of `input`, then its end.
fn answers(options: &[&str], input: &str) -> Output {
    let mut child = autowu().arg("--stream").args(options).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_string();
    let writer = std::thread::spawn(move || _ = stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(String::from).collect()
}

/// Answers to `input` under protocol 2, and whether all was well.
fn second(options: &[&str], input: &str) -> Vec<String> {
    let steps = STEPS.to_string();
    let options = [&["--protocol", "2", "--total-steps", &steps], options].concat();
    let output = answers(&options, input);
    assert!(output.status.success(), "{output:?}");
    lines(&output)
}

/// Falls, and rises again at large learning rates; noisy.
fn losses(steps: usize) -> Vec<String> {
    let bend = |i: usize| 2.0 - i.min(35) as f64 / 25.0 + (i.saturating_sub(38) as f64) / 4.0;
    let noise = |i: usize| (i * 7919 % 101) as f64 / 1000.0;
    (0..steps).map(|i| (bend(i) + noise(i)).to_string()).collect()
}

fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("autowu-stream-{}-{name}", std::process::id()))
}

#[test]
fn protocol_1_is_as_it_was() {
    let text = losses(STEPS).join("\n\n") + "\n";
    for options in [&["--total-steps", "120"][..], &["--total-steps", "120", "--protocol", "1"]] {
        let output = answers(options, &text);
        let lines = lines(&output);
        assert_eq!(lines.len(), STEPS + 1, "blank lines have no answer");
        assert_eq!(lines[0], "0.0000001");
        assert!(lines.iter().any(|l| l.ends_with(" snapshot")));
        assert!(lines.iter().any(|l| l.ends_with(" restore")));
        assert!(output.status.success());
    }
    // Past the budget there is no word; what is no loss ends the run.
    let past = answers(&["--total-steps", "120"], &"1.0\n".repeat(STEPS + 3));
    assert!(lines(&past)[STEPS + 1..].iter().all(|l| l == "0"));
    assert!(String::from_utf8_lossy(&past.stderr).contains("the budget is used"));
    let bad = answers(&["--total-steps", "120"], "1.0\nskip\n1.0\n");
    assert_eq!((lines(&bad).len(), bad.status.code()), (2, Some(1)));
}

#[test]
fn losses_have_the_answers_of_protocol_1() {
    let text = losses(STEPS).join("\n") + "\n";
    let first = lines(&answers(&["--total-steps", "120"], &text));
    let second = second(&[], &text);
    assert_eq!(second[0], "autowu 2 step 0");
    assert_eq!(second[1..], first);
}

#[test]
fn every_line_has_one_answer_and_a_wrong_one_changes_nothing() {
    let long = "x".repeat(1 << 17);
    for (line, words) in [
        ("", "it is empty"),
        ("  \t", "it is empty"),
        ("abc", "\"abc\" is not a loss"),
        ("1.0 2.0", "\"1.0 2.0\" is not a loss"),
        ("skip 3", "\"skip 3\" is not a loss"),
        ("save", "save needs a path"),
        ("save /nonexistent/a", "/nonexistent/a"),
        ("extend", "extend needs the steps"),
        ("extend -5", "not \"-5\""),
        ("extend 7", "a run of 120 steps cannot be extended to 7"),
        (&long, "longer than 65536 bytes"),
    ] {
        let answers = second(&[], &format!("2.5\ndigest\n{line}\ndigest\n2.25\n"));
        assert_eq!(answers.len(), 7, "{line:.20}: {answers:?}");
        assert!(answers[4].starts_with("error line 3: "), "{}", answers[4]);
        assert!(answers[4].contains(words), "{}", answers[4]);
        assert!(answers[4].len() < 250, "{}", answers[4]);
        assert_eq!(answers[3], answers[5], "{line:.20}");
        assert!(answers[6].parse::<f64>().is_ok());
    }
}

#[test]
fn bytes_that_are_no_text_are_a_bad_line() {
    let mut child = autowu();
    let mut child =
        child.args(["--stream", "--protocol", "2", "--total-steps", "120"]).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"\xff\xfe\n2.5\r\n").unwrap();
    let answers = lines(&child.wait_with_output().unwrap());
    assert!(answers[2].starts_with("error line 1: "), "{answers:?}");
    assert!(answers[3].split(" ").next().unwrap().parse::<f64>().is_ok(), "{answers:?}");
}

#[test]
fn skip_moves_neither_learning_rate_nor_budget() {
    let answers = second(&[], "2.5\n2.4\ndigest\nskip\nskip\ndigest\n2.3\n");
    let without = second(&[], "2.5\n2.4\n2.3\n");
    assert_eq!(answers[5..7], [without[3].clone(), without[3].clone()]);
    assert_eq!(answers[8], without[4]);
    assert_ne!(answers[4], answers[7], "the digest counts skipped updates");
}

/// A batch whose loss is not a finite number never makes an update; the third in a row ends the
/// climb.
#[test]
fn losses_that_are_not_finite() {
    let words = |options: &[&str], text: &str| -> Vec<String> {
        let answers = second(options, text);
        let words = answers[2..].iter().map(|a| a.split_once(' ').map_or("", |(_, w)| w));
        words.map(String::from).collect()
    };
    let text = losses(10).join("\n") + "\nnan\ninf\n-inf\nnan\n1.5\n";
    assert_eq!(words(&[], &text)[10..], ["skip", "skip", "restore", "skip", ""]);
    // Without a copy the decay begins, and the batch makes no update all the same.
    assert_eq!(words(&["--no-restore"], &text)[10..13], ["skip", "skip", "decay skip"]);
}

#[test]
fn digests_are_equal_until_the_losses_differ() {
    let digests = |text: &str| -> Vec<String> {
        second(&[], text).into_iter().filter(|l| l.starts_with("digest ")).collect()
    };
    let one = digests("2.5\ndigest\n2.4\ndigest\n");
    let other = digests("2.5\ndigest\n2.3\ndigest\n");
    assert_eq!(one[0], other[0]);
    assert_ne!(one[1], other[1]);
    let hex = one[0].strip_prefix("digest ").unwrap();
    assert!(hex.len() == 16 && u64::from_str_radix(hex, 16).is_ok(), "{hex}");
}

#[test]
fn the_end_of_the_budget_is_said_once_and_extend_goes_on() {
    let text = losses(STEPS + 4).join("\n") + "\nextend 300\n2.0\n";
    let answers = second(&["--no-restore"], &text);
    let (run, after) = answers[2..].split_at(STEPS + 4);
    assert_eq!(run.iter().filter(|l| l.ends_with(" finished")).count(), 1);
    assert_eq!(run[STEPS], "0 finished");
    assert!(run[STEPS + 1..].iter().all(|l| l == "0"), "{run:?}");
    assert!(after.iter().all(|lr| lr.parse::<f64>().unwrap() > 0.0), "{after:?}");
    // Extended at its first step, a run has the answers of the longer one from there.
    assert_eq!(second(&[], "extend 300\n2.5\n").len(), 4);
}

/// At many steps: `save`, then a kill without warning. The resumed run answers as the
/// uninterrupted one does, in both precisions, with spaces in the path.
#[test]
fn a_killed_run_resumes_bit_for_bit() {
    let state = temporary("killed run");
    let path = state.to_str().unwrap();
    for precision in ["f64", "f32"] {
        let options = ["--total-steps", "120", "--protocol", "2", "--precision", precision];
        let mut text = losses(STEPS).join("\n");
        write!(text, "\nnan\ndigest\n").unwrap();
        let whole = lines(&answers(&options, &text));
        let losses: Vec<&str> = text.lines().collect();
        for stop in [0, 1, 17, 40, 52, 53, 80, 119, 120] {
            let mut child = autowu().arg("--stream").args(options).spawn().unwrap();
            let mut stdin = child.stdin.take().unwrap();
            let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
            for loss in &losses[..stop] {
                writeln!(stdin, "{loss}").unwrap();
            }
            writeln!(stdin, "save {path}").unwrap();
            let saved = stdout.nth(stop + 2).unwrap().unwrap();
            assert_eq!(saved, format!("saved {path}"));
            child.kill().unwrap();
            child.wait().unwrap();
            let rest = losses[stop..].join("\n") + "\n";
            // The run's options are in the state, and may be said again.
            let again: &[&str] = if stop % 2 == 0 { &options } else { &options[2..] };
            let resumed = lines(&answers(&[again, &["--resume", path][..]].concat(), &rest));
            assert_eq!(resumed[0], format!("autowu 2 step {stop}"));
            let lr = whole[stop + 1].split(' ').next().unwrap();
            assert_eq!(resumed[1], lr, "learning rate of step {stop}");
            assert_eq!(resumed[2..], whole[stop + 2..], "from step {stop}");
        }
    }
    std::fs::remove_file(&state).unwrap();
}

#[test]
fn the_end_of_input_saves_the_state() {
    let state = temporary("end");
    let path = state.to_str().unwrap();
    let text = losses(STEPS);
    let whole = second(&[], &(text.join("\n") + "\ndigest\n"));
    second(&["--save", path], &(text[..50].join("\n") + "\n"));
    let resumed = second(&["--resume", path, "--save", path], &(text[50..].join("\n") + "\n"));
    assert_eq!(resumed[2..], whole[52..STEPS + 2]);
    let end = second(&["--resume", path], "digest\n");
    assert_eq!((end[0].as_str(), &end[2]), ("autowu 2 step 120", &whole[STEPS + 2]));
    // Replaced as a whole: nothing stays beside it.
    assert!(!state.with_file_name(format!("{}.partial", state.display())).exists());
    std::fs::remove_file(&state).unwrap();
    let refused = answers(
        &["--protocol", "2", "--total-steps", "120", "--save", "/nonexistent/state"],
        "2.5\n",
    );
    assert_eq!((lines(&refused).len(), refused.status.code()), (3, Some(1)));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("name another path"));
}

#[test]
fn a_state_of_another_run_is_refused() {
    let state = temporary("other");
    let path = state.to_str().unwrap();
    second(&["--save", path], "2.5\n2.4\n");
    let resume = ["--protocol", "2", "--resume", path];
    for (options, words) in [
        (&["--total-steps", "300"][..], "`extend 300` gives the run more steps"),
        (&["--total-steps", "120", "--seed", "7"], "other options"),
        (&["--no-restore"], "other options"),
        (&["--precision", "f32"], "64 bits"),
    ] {
        let refused = answers(&[&resume, options].concat(), "2.3\n");
        let why = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!((lines(&refused).len(), refused.status.code()), (0, Some(1)), "{why}");
        assert!(why.contains(words) && why.contains(path), "{why}");
    }
    let whole = std::fs::read(&state).unwrap();
    for damaged in [&whole[..whole.len() / 2], b"", b"{}", b"2.5\n"] {
        std::fs::write(&state, damaged).unwrap();
        assert_eq!(answers(&resume, "2.3\n").status.code(), Some(1));
    }
    std::fs::remove_file(&state).unwrap();
    assert_eq!(answers(&resume, "2.3\n").status.code(), Some(1));
    for options in [&["--save", path][..], &["--resume", path], &["--protocol", "3"]] {
        let refused = answers(&[&["--total-steps", "120"], options].concat(), "");
        assert_eq!(refused.status.code(), Some(2), "{options:?}");
    }
}

/// The transcript in docs/stream.md is one: lines after `>` are sent, the others come back.
#[test]
fn the_transcript_of_the_page_is_true() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/stream.md");
    // The package has no docs.
    let Ok(page) = std::fs::read_to_string(page) else { return };
    let transcript = page.split("```text\n").nth(2).unwrap().split("```").next().unwrap();
    let sent: Vec<&str> = transcript.lines().filter_map(|l| l.strip_prefix("> ")).collect();
    let came: Vec<&str> = transcript.lines().filter(|l| !l.starts_with('>')).collect();
    assert!(sent.len() > 4, "{transcript}");
    let folder = temporary("transcript");
    std::fs::create_dir_all(&folder).unwrap();
    let mut child = autowu();
    child.args(["--stream", "--protocol", "2", "--total-steps", "20000"]).current_dir(&folder);
    let mut child = child.spawn().unwrap();
    let text = sent.join("\n") + "\n";
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let answers = lines(&child.wait_with_output().unwrap());
    std::fs::remove_dir_all(&folder).unwrap();
    // A digest changes with the rules; the page shows what one looks like.
    let no_digests = |lines: &[&str]| {
        lines
            .iter()
            .map(|l| l.split_once("digest ").map_or(*l, |_| "digest"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
    assert_eq!(no_digests(&answers), no_digests(&came));
}

/// Either protocol says so once, on standard error; raw losses bring no word.
#[test]
fn smoothed_losses_are_said_once() {
    let noise = |i: u64| autowu_core::sampling::mix(i) as f64 / 2_f64.powi(63) - 1.0;
    let raw: Vec<f64> =
        (0..1500).map(|i| 2.0 * (-(i as f64) / 800.0).exp() + 0.3 * noise(i)).collect();
    let mut mean = raw[0];
    let smoothed: Vec<f64> = raw
        .iter()
        .map(|loss| {
            mean = 0.9 * mean + 0.1 * loss;
            mean
        })
        .collect();
    for protocol in ["1", "2"] {
        for (losses, times) in [(&raw, 0), (&smoothed, 1)] {
            let input = losses.iter().map(|loss| format!("{loss}\n")).collect::<String>();
            let said = answers(&["--protocol", protocol, "--total-steps", "3000"], &input);
            let said = String::from_utf8_lossy(&said.stderr).into_owned();
            assert_eq!(said.matches("smoothed").count(), times, "protocol {protocol}: {said}");
        }
    }
}
