//! Files as the tools write them, with what is read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed expectation

use super::*;

const NAN: f64 = f64::NAN;

fn sample(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/log/samples");
    std::fs::read(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn of(bytes: &[u8], column: Option<&str>) -> Result<Log, String> {
    read(bytes, &Options { column, ..Options::default() })
}

/// Steps and losses of a run that both have the same bits.
fn assert_same(log: &Log, losses: &[f64], name: &str) {
    let bits = |l: &[f64]| l.iter().map(|x| x.to_string()).collect::<Vec<_>>();
    assert_eq!(bits(&log.losses), bits(losses), "{name}");
}

#[test]
fn every_format() {
    let files: &[(&str, &str, &[f64])] = &[
        (
            "tensorboard.csv",
            "3 losses (column \"Value\"), steps 0 to 100, every 50 steps",
            &[2.5, 1.5, 1.25],
        ),
        (
            "wandb_chart.csv",
            "3 losses (column \"train/loss\"), steps 0 to 60, about every 30 steps",
            &[2.5, NAN, 1.25],
        ),
        (
            "wandb_history.csv",
            "3 losses (column \"train/loss\"), steps 0 to 20, every 10 steps",
            &[2.5, 2.25, 2.0],
        ),
        (
            "mlflow.csv",
            "2 losses (column \"train_loss\"), steps 0 to 100, every 100 steps",
            &[2.5, 2.25],
        ),
        (
            "mlflow_metric",
            "3 losses (column \"value\"), steps 0 to 200, every 100 steps",
            &[2.5, 2.25, 2.0],
        ),
        ("comet.csv", "2 losses (column \"loss\"), steps 0 to 10, every 10 steps", &[2.5, 2.25]),
        (
            "lightning.csv",
            "4 losses (column \"train_loss_step\"), steps 49 to 199, every 50 steps",
            &[2.5, 2.25, 2.0, 1.75],
        ),
        ("keras.csv", "3 losses (column \"loss\"), steps 0 to 2, every step", &[2.5, 2.25, 2.0]),
        ("fastai.csv", "2 losses (column \"train_loss\"), steps 0 to 1, every step", &[2.5, 2.25]),
        ("excel.csv", "3 losses (column \"loss\"), steps 0 to 2, every step", &[2.5, 2.25, 1965.5]),
        ("utf16.tsv", "2 losses (column \"loss\"), steps 0 to 1, every step", &[2.5, 2.25]),
        ("latin1.csv", "2 losses (column \"loss\"), steps 0 to 1, every step", &[2.5, 2.25]),
        ("run.csv.gz", "2 losses (column \"loss\"), steps 0 to 1, every step", &[2.5, 2.25]),
        (
            "pandas.csv",
            "4 losses (column \"loss\"), steps 0 to 5, about every 2 steps",
            &[2.5, 1965.5, NAN, 2.0],
        ),
        (
            "trainer_state.json",
            "3 losses (column \"loss\"), steps 20 to 60, every 20 steps",
            &[2.5, 2.25, NAN],
        ),
        ("lines.jsonl", "3 losses (column \"loss\"), steps 0 to 2, every step", &[2.5, 2.25, NAN]),
        (
            "keras_history.json",
            "3 losses (column \"loss\"), steps 0 to 2, every step",
            &[2.5, 2.25, 2.0],
        ),
        (
            "tensorboard.json",
            "3 losses (column \"1\"), steps 0 to 20, every 10 steps",
            &[2.5, 2.25, 2.0],
        ),
        (
            "nanogpt.log",
            "3 losses (column \"loss\"), steps 0 to 20, every 10 steps",
            &[4.25, 3.5, 3.0],
        ),
        ("llmc.log", "3 losses (column \"loss\"), steps 1 to 3, every step", &[11.0, 10.5, 10.25]),
        (
            "llmc_main.log",
            "3 losses (column \"trl\"), steps 0 to 2, every step",
            &[10.95, 10.5, 10.25],
        ),
        (
            "megatron.log",
            "2 losses (column \"lm loss\"), steps 100 to 200, every 100 steps",
            &[10.5, 9.5],
        ),
        (
            "huggingface.log",
            "3 losses (column \"loss\"), steps 0 to 2, every step",
            &[2.5, 2.25, 2.0],
        ),
        (
            "logging.log",
            "4 losses (column \"Loss\"), steps 0 to 3, every step",
            &[2.5, 2.25, NAN, 2.0],
        ),
        ("Loss.log", "3 losses (column \"Loss\"), steps 0 to 2, every step", &[2.5, 2.25, 2.0]),
        (
            "numbers.txt",
            "5 losses (column \"1\"), steps 0 to 4, every step",
            &[2.5, 2.25, NAN, f64::INFINITY, 1.0],
        ),
    ];
    for (name, summary, losses) in files {
        let log = of(&sample(name), None).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(log.summary(), format!("read {summary}"), "{name}");
        assert_same(&log, losses, name);
    }
}

#[test]
fn notes() {
    for (name, expected) in [
        ("wandb_chart.csv", vec!["1 row has no loss between two losses (the first: line 3)"]),
        (
            "pandas.csv",
            vec![
                "line 7 repeats the header",
                "the last line (10) is incomplete",
                "2 rows have no loss between two losses (the first: line 5)",
            ],
        ),
        ("lines.jsonl", vec!["the last line (5) is incomplete"]),
        ("logging.log", vec!["1 time the steps begin again in a new epoch"]),
        ("keras.csv", vec!["the log has epochs and no steps"]),
        ("huggingface.log", vec!["the log has epochs and no steps"]),
        ("tensorboard.csv", vec!["a row every 50 steps"]),
        ("numbers.txt", vec!["too few losses: 5"]),
    ] {
        let notes = of(&sample(name), None).unwrap().notes;
        for start in expected {
            assert!(notes.iter().any(|n| n.starts_with(start)), "{name}: {start}: {notes:#?}");
        }
    }
}

#[test]
fn what_cannot_be_chosen_is_listed() {
    let refused = |name: &str, column| of(&sample(name), column).expect_err(name);
    let error = refused("wandb_accuracy.csv", None);
    assert!(error.contains("\"focal-loss-a - train/accuracy\"") && error.contains("--column"));
    let error = refused("wandb_two_runs.csv", None);
    assert!(error.contains("\"a - train/loss\", \"b - train/loss\""), "{error}");
    let error = refused("wandb_two_runs.csv", Some("train/loss"));
    assert!(error.starts_with("several columns match \"train/loss\""), "{error}");
    let error = refused("yolo.csv", None);
    assert!(
        error.contains("\"train/box_loss\", \"train/cls_loss\", \"train/dfl_loss\";"),
        "{error}"
    );
    let error = refused("mlflow.csv", Some("value"));
    assert!(error.starts_with("there is no column \"value\""), "{error}");
    assert!(refused("numbers.txt", Some("loss")).contains("no names"));
    for error in [of(b"", None), of(b"\n \n", None), of(b"hello\n", None), of(b"a,b\n1,2\n", None)]
    {
        assert!(error.expect_err("no log").chars().count() < 300);
    }
    let wide: String =
        (0..999).map(|i| format!("a_very_long_name_of_a_metric_{i}_loss,")).collect();
    let error = of(format!("{wide}step\n").as_bytes(), None).expect_err("too many");
    assert!(error.contains("and 987 more") && error.len() < 900, "{error}");
}

#[test]
fn a_column_by_name() {
    for (name, column, losses) in [
        ("wandb_two_runs.csv", "b - train/loss", vec![3.5, 3.25]),
        ("wandb_accuracy.csv", "train/accuracy", vec![0.1]),
        ("yolo.csv", "train/cls_loss", vec![3.5, 3.25]),
        ("mlflow.csv", "lr", vec![0.001]),
        ("trainer_state.json", "train_loss", vec![2.3]),
        ("nanogpt.log", "train_loss", vec![4.2875, 3.1]),
        ("keras.csv", "val_loss", vec![2.6, 2.4, 2.3]),
        ("megatron.log", "grad norm", vec![3.201, 2.201]),
        ("numbers.txt", "1", vec![2.5, 2.25, NAN, f64::INFINITY, 1.0]),
    ] {
        let log = of(&sample(name), Some(column)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_same(&log, &losses, name);
    }
}

#[test]
fn what_failed_before() {
    for (text, summary) in [
        ("step,train_nll,loss_scale\n0,2.3,65536\n", "1 loss (column \"train_nll\"), steps 0 to 0"),
        (
            "step,tag,value\n0,train/loss,2.3\n0,train/lr,0.001\n",
            "1 loss (column \"train/loss\"), steps 0 to 0",
        ),
        (
            "epoch,step,train_loss,val_loss\n0,49,2.3,2.4\n",
            "1 loss (column \"train_loss\"), steps 49 to 49",
        ),
        (
            "{\"step\":0,\"loss\":2.3}\n{\"step\":1,\"loss\":2.2}\n",
            "2 losses (column \"loss\"), steps 0 to 1, every step",
        ),
        ("2.3026,64\n2.25,final\n", "1 loss (column \"Loss\"), steps 0 to 0"),
        ("iter 0: loss 4.26, time 9ms\n", "1 loss (column \"loss\"), steps 0 to 0"),
        (
            "Step,Value\n0,2\n1,1.9\n1,1.91\n",
            "2 losses (column \"Value\"), steps 0 to 1, every step",
        ),
        ("0,2.5\n10,2.25\n", "2 losses (column \"value\"), steps 0 to 10, every 10 steps"),
        (
            "# step loss\n0 2.5\n10 2.25\n",
            "2 losses (column \"loss\"), steps 0 to 10, every 10 steps",
        ),
        ("2,3026\n2,25\n2,125\n", "3 losses (column \"1\"), steps 0 to 2, every step"),
        ("1,965.7\n987.5\n", "2 losses (column \"1\"), steps 0 to 1, every step"),
        ("loss\n2,5\n2,25\n", "2 losses (column \"loss\"), steps 0 to 1, every step"),
    ] {
        let log = of(text.as_bytes(), None).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(log.summary(), format!("read {summary}"), "{text}");
    }
    let log = of(b"Wall time,Step,Value\n1,0,2.0\n2,50,1.5\n3,100,1.2\n", None).unwrap();
    assert_eq!((log.evenly(9).unwrap(), log.training_steps()), (vec![2.0, 1.5, 1.2], 150));
}

#[test]
fn errors_name_line_text_and_remedy() {
    for (text, start) in [
        ("2.5\nabc\n2\n", "line 2: \"abc\" is not a loss"),
        ("2.5\nNA\n2\n", "line 2: \"NA\" is not a loss"),
        ("step,loss\n0,2.5\n1,oops\n2,2\n", "line 3: \"oops\" is not a loss"),
        ("step,loss\n0,1,965.7\n1,2\n", "line 2: \"0,1,965.7\" has 3 cells, the header has 2"),
        ("step,loss\n0,2.5\n1\n2,2\n", "line 3: \"1\" has 1 cells"),
        ("step,loss\n0,\"1,965\"\n1,2\n", "line 2: \"1,965\" can be a decimal comma"),
        (
            "step 0 loss 1,965 lr 1\nstep 1 loss 2 lr 1\n",
            "line 1: \"1,965\" can be a decimal comma",
        ),
    ] {
        let error = of(text.as_bytes(), None).expect_err(text);
        assert!(error.starts_with(start), "{error}");
        assert!(error.chars().count() < 200, "{error}");
    }
}

#[test]
fn the_tag_in_the_name_of_a_file() {
    let log = || of(&sample("tensorboard.csv"), None).unwrap();
    assert!(named_by_file(Path::new("run-1-tag-Loss_train.csv"), log()).is_ok());
    assert!(named_by_file(Path::new("run-1-tag-accuracy.csv"), log()).is_err());
    assert!(named_by_file(Path::new("run.csv"), log()).is_ok());
}

#[test]
fn an_experiment_folder_of_burn() {
    let folder = std::env::temp_dir().join(format!("autowu-burn-{}", std::process::id()));
    for (split, epoch, losses) in [
        ("train", 1, "3.0,8\n2.9,8\n2.95,final\n"),
        ("train", 2, "2.0,8\n"),
        ("train", 10, "1.0,8\n"),
        ("valid", 1, "9.0,8\n"),
    ] {
        let at = folder.join(split).join(format!("epoch-{epoch}"));
        std::fs::create_dir_all(&at).unwrap();
        std::fs::write(at.join("Loss.log"), losses).unwrap();
    }
    let options = Options::default();
    let log = open(&folder, &options, |file| file).unwrap();
    let valid = open(&folder.join("valid"), &options, |file| file).unwrap();
    let none = open(&folder, &Options { column: Some("x"), ..options }, |file| file);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(log.losses, [3.0, 2.9, 2.0, 1.0]);
    assert!(log.notes[0].starts_with("7 epochs between 1 and 10 are missing"));
    assert_eq!(valid.losses, [9.0]);
    assert!(none.expect_err("no such metric").contains("x.log"));
}
