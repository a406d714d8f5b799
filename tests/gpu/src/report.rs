//! The report: a table of all parts, then each with its commands and what it printed.

use crate::part::{Did, Ended};
use std::fmt::Write;
use std::path::Path;

/// Lines of one part at most; of longer ones the first and the last few. All of them are in the
/// folder `parts`.
const LONGEST: usize = 80;
const FEW: usize = 6;

/// Writes the report of the parts so far.
pub fn write(path: &Path, found: &str, parts: &[Did]) -> Result<(), String> {
    std::fs::write(path, markdown(found, parts)).map_err(|e| format!("{}: {e}", path.display()))
}

fn markdown(found: &str, parts: &[Did]) -> String {
    let mut text = format!("# The first minutes on a GPU\n\n{found}\n\n");
    text.push_str("| part | what | result | s |\n|---|---|---|---|\n");
    for Did { name, what, ended, seconds, .. } in parts {
        let _ = writeln!(text, "| {name} | {what} | {ended} | {seconds:.1} |");
    }
    for part in parts.iter().filter(|part| !matches!(part.ended, Ended::NotRun(_))) {
        let _ = writeln!(text, "\n## {}\n\n{}: {}.\n", part.name, part.what, part.ended);
        for command in &part.commands {
            let _ = writeln!(text, "    {command}");
        }
        text.push('\n');
        let lines: Vec<&str> = part.output.lines().collect();
        let left_out = if lines.len() > LONGEST { FEW..lines.len() - FEW } else { 0..0 };
        for (i, line) in lines.iter().enumerate() {
            if left_out.contains(&i) {
                if i == FEW {
                    let _ = writeln!(text, "\n{} lines are left out here\n", left_out.len());
                }
                continue;
            }
            // A table, a list, or text as it was printed.
            if line.is_empty() || line.starts_with('|') || line.starts_with("- ") {
                let _ = writeln!(text, "{line}");
            } else {
                let _ = writeln!(text, "    {line}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_a_row_and_those_that_ran_have_their_output() {
        let did = |name: &str, ended| Did {
            name: name.into(),
            what: "looks",
            commands: vec!["look --well".into()],
            ended,
            seconds: 1.25,
            output: "| a |\nplain\n".into(),
        };
        let mut long = did("three", Ended::Passed);
        long.output = (0..1000).map(|i| format!("line {i}\n")).collect();
        let parts = [
            long,
            did("one", Ended::Failed("worn".into())),
            did("two", Ended::NotRun("none".into())),
        ];
        let text = markdown("A GPU", &parts);
        assert!(text.contains("| one | looks | FAILED: worn | 1.2 |"), "{text}");
        assert!(text.contains("| two | looks | not run: none |"), "{text}");
        assert!(text.contains("    look --well\n\n| a |\n    plain\n"), "{text}");
        assert!(!text.contains("## two"), "{text}");
        assert!(text.contains("line 5\n\n988 lines are left out here\n\n    line 994"), "{text}");
    }
}
