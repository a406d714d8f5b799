//! Metrics and wrapped model by hand, call by call, as burn's trainers call them.

use crate::toy::*;
use autowu_burn::{AutoWu, Config, LossMetric, Scheduler};
use burn::data::dataloader::Progress;
use burn::lr_scheduler::LrScheduler;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use burn::train::InferenceStep;
use burn::train::metric::{
    LossInput, LossMetric as BurnLossMetric, Metric, MetricAttributes, MetricMetadata, Numeric,
    NumericEntry,
};

/// What a trainer tells a metric with batch `iteration` of an epoch of `total`.
fn metadata(iteration: usize, total: usize) -> MetricMetadata {
    let progress = Progress { items_processed: iteration, items_total: total, unit: None };
    MetricMetadata { progress, iteration: Some(iteration), lr: Some(1e-3.into()) }
}

fn input(losses: &[f64]) -> LossInput {
    let losses: Vec<f32> = losses.iter().map(|&loss| loss as f32).collect();
    LossInput::new(Tensor::from_floats(losses.as_slice(), &Device::flex()))
}

fn batch(metric: &mut LossMetric, loss: f64, iteration: usize, total: usize) {
    metric.update(&input(&[loss]), &metadata(iteration, total)).unwrap();
}

/// As many as may begin before the loss of the first is there.
fn two_updates(scheduler: &mut Scheduler) {
    scheduler.step();
    scheduler.step();
}

/// The losses of updates that have come, those included that the core has not been shown.
fn losses_of_updates(autowu: &AutoWu) -> Vec<f64> {
    let record = autowu.to_record().unwrap();
    let waiting = 0..record.scalar::<u64>("autowu.waiting").unwrap();
    let waiting =
        waiting.map(|i| f64::from_bits(record.scalar(&format!("autowu.waiting.{i:05}")).unwrap()));
    let state = autowu.state();
    let known = state.test_input().unwrap().losses.values();
    known.iter().copied().chain(waiting).collect()
}

#[test]
fn a_worker_that_is_behind_at_the_end_of_an_epoch_still_gives_its_loss_to_its_update() {
    // Workers count by the number of devices; the second delivers its last batch after the first
    // has ended the epoch.
    let autowu = AutoWu::new(Config::new(100).without_restore()).unwrap().devices(2);
    let (mut scheduler, mut metric) = (autowu.scheduler(), autowu.loss_metric());
    let mut passes = |batches: &[(f64, usize)]| {
        two_updates(&mut scheduler);
        for &(loss, iteration) in batches {
            batch(&mut metric, loss, iteration, 4);
            if loss == 3.0 {
                metric.clear();
            }
        }
    };
    passes(&[(1.0, 2), (2.0, 2), (3.0, 4), (5.0, 4)]);
    passes(&[(6.0, 2), (7.0, 2), (8.0, 4), (9.0, 4)]);
    assert_eq!(losses_of_updates(&autowu), [1.5, 4.0, 6.5, 8.5]);
}

#[test]
fn passes_that_made_no_update_end_with_their_epoch() {
    // Two passes to an update, and the third pass is not the last of the epoch's data: the training
    // was stopped there.
    for (devices, expected) in [(1, [1.5, 11.5]), (2, [2.5, 12.5])] {
        let autowu = AutoWu::new(Config::new(100).without_restore())
            .unwrap()
            .devices(devices)
            .grads_accumulation(2);
        // What was declared outlives a resume.
        autowu.load_record(&autowu.to_record().unwrap()).unwrap();
        let (mut scheduler, mut metric) = (autowu.scheduler(), autowu.loss_metric());
        two_updates(&mut scheduler);
        for iteration in 1..=3 * devices {
            batch(&mut metric, iteration as f64, iteration, 4 * devices);
        }
        metric.clear();
        for iteration in 1..=2 * devices {
            batch(&mut metric, 10.0 + iteration as f64, iteration, 4 * devices);
        }
        assert_eq!(losses_of_updates(&autowu), expected);
    }
}

#[test]
fn a_record_waits_for_the_losses_on_their_way() {
    let autowu = AutoWu::new(Config::new(100).without_restore()).unwrap();
    let (mut scheduler, mut metric) = (autowu.scheduler(), autowu.loss_metric());
    two_updates(&mut scheduler);
    let thread = std::thread::spawn(move || {
        for iteration in 1..=2 {
            std::thread::sleep(std::time::Duration::from_millis(50));
            batch(&mut metric, iteration as f64, iteration, 10);
        }
    });
    assert_eq!(losses_of_updates(&autowu), [1.0, 2.0]);
    thread.join().unwrap();
}

#[test]
fn the_loss_metric_shows_what_burns_shows() {
    let autowu = AutoWu::new(Config::new(100)).unwrap();
    let (mut scheduler, mut ours, mut burns) =
        (autowu.scheduler(), autowu.loss_metric(), BurnLossMetric::new());
    assert_eq!((ours.name(), ours.description()), (burns.name(), burns.description()));
    assert_eq!(format!("{:?}", ours.attributes()), format!("{:?}", burns.attributes()));
    let shown = |ours: &mut dyn Numeric, burns: &mut dyn Numeric| {
        assert_eq!(format!("{:?}", ours.value()), format!("{:?}", burns.value()));
        assert_eq!(format!("{:?}", ours.running_value()), format!("{:?}", burns.running_value()));
        assert_eq!(format!("{:?}", ours.final_value()), format!("{:?}", burns.final_value()));
    };
    for epoch in 0..2 {
        for (i, losses) in [&[3.5, 2.0, 1.0][..], &[0.5], &[7.0, 2.25]].into_iter().enumerate() {
            scheduler.step();
            let metadata = metadata(i + 1, 3);
            let entry = ours.update(&input(losses), &metadata).unwrap();
            let burns_entry = burns.update(&input(losses), &metadata).unwrap();
            assert_eq!(format!("{entry:?}"), format!("{burns_entry:?}"), "epoch {epoch}");
            shown(&mut ours, &mut burns);
        }
        assert_eq!(
            format!("{:?}", ours.compute().unwrap()),
            format!("{:?}", burns.compute().unwrap())
        );
        ours.clear();
        burns.clear();
    }
    shown(&mut ours, &mut burns);
}

#[test]
fn the_status_metrics_say_where_the_run_is_and_why() {
    let autowu = AutoWu::new(Config::new(200)).unwrap();
    let (mut phase, mut probability) = (autowu.phase_metric(), autowu.probability_metric());
    assert_eq!((phase.name().as_str(), probability.name().as_str()), ("AutoWU", "Past Minimum"));
    assert!(phase.description().unwrap().contains("where the learning-rate schedule is"));
    assert!(probability.description().unwrap().contains("passed its minimum"));
    let MetricAttributes::Numeric(attributes) = probability.attributes() else {
        panic!("a number")
    };
    assert!(attributes.unit.is_none() && !attributes.higher_is_better);

    let (mut core, mut last, mut median) =
        (autowu_core::AutoWu::<f64>::new(Config::new(200)).unwrap(), None, 0.0);
    for step in 0..200 {
        let x = (core.lr().max(1e-9) / 1e-2).ln();
        let loss = f64::from((1.0 + x * x / 10.0 + 0.05 * (f64::from(step) * 1.7).sin()) as f32);
        autowu.observe(&Tensor::from_floats([loss as f32], &Device::flex())).unwrap();
        let outcome = core.step(loss);
        if let Some(report) = outcome.report {
            let mut votes: Vec<f64> = report.votes.iter().map(|vote| vote.probability).collect();
            votes.sort_by(f64::total_cmp);
            median = votes[votes.len() / 2];
        }
        last = outcome
            .event
            .filter(|event| !matches!(event, autowu_core::Event::Snapshot { .. }))
            .or(last);

        let sentence = phase.update(&(), &metadata(1, 1)).unwrap();
        assert_eq!(sentence.formatted, sentence.serialized);
        assert_eq!(phase.compute().unwrap().formatted, sentence.formatted);
        let place = match core.phase() {
            autowu_core::Phase::Warmup(climb) => format!("warmup, climb {}", climb.number + 1),
            autowu_core::Phase::Decay { start, .. } => format!("since step {start}"),
        };
        let why = last.map_or_else(String::new, |event| event.to_string());
        assert!(
            sentence.formatted.contains(&place) && sentence.formatted.ends_with(&why),
            "{}",
            sentence.formatted
        );

        let entry = probability.update(&(), &metadata(1, 1)).unwrap();
        assert_eq!(entry.serialized, NumericEntry::Value(median).serialize(), "step {step}");
        assert_eq!(probability.compute().unwrap().serialized, entry.serialized);
        for value in [probability.value(), probability.running_value()] {
            assert!(matches!(value, Some(NumericEntry::Value(now)) if now == median));
        }
        assert!(matches!(probability.final_value(), NumericEntry::Final(now) if now == median));
    }
    assert!(last.is_some() && median > 0.0);
}

/// Counts the parameters that it visits.
#[derive(Default)]
struct Visits(usize);

impl ModuleVisitor for Visits {
    fn visit_float<const D: usize>(&mut self, _: &Param<Tensor<D>>) {
        self.0 += 1;
    }
}

#[test]
fn the_wrapped_model_answers_as_the_model_does() {
    let plain = Toy::new(&device());
    let autowu = AutoWu::new(Config::new(100)).unwrap();
    let wrapped = autowu.model(plain.clone(), |output| output.loss.clone());
    assert_eq!(format!("{wrapped:?}"), format!("{plain:?}"));
    assert_eq!(format!("{wrapped}"), format!("{plain}"));
    assert_eq!(wrapped.devices(), plain.devices());
    let mut visits = Visits::default();
    wrapped.visit(&mut visits);
    assert_eq!(visits.0, 1);
    let batch = rows(2).iter().next().unwrap().unwrap();
    let loss = |output: Output| output.loss.into_scalar::<f32>();
    assert_eq!(
        loss(InferenceStep::step(&wrapped, batch.clone())),
        loss(InferenceStep::step(&plain, batch))
    );
}
