//! Ranks agree exactly when their states are equal, and all hear the same answer.

use autowu_core::{AGREE_WORDS, AgreeError, AutoWu, Config, Disagreement, Part};
use autowu_tests::configs::sampled;
use autowu_tests::curves::curve;
use std::convert::Infallible;

type Scheduler = AutoWu<f64, 256>;

const RANKS: usize = 4;
const STEPS: u64 = 120;

fn config() -> Config {
    sampled(Config::new(STEPS), 100, 100)
}

fn new() -> Scheduler {
    Scheduler::new(config()).unwrap()
}

/// What this rank tells the others.
fn told<const N: usize>(autowu: &AutoWu<f64, N>, trainer: u64) -> [u64; AGREE_WORDS] {
    let mut words = [0; AGREE_WORDS];
    let refused = autowu.agree(trainer, |own| {
        words = own;
        Err::<[u64; 0], _>("not sent")
    });
    assert_eq!(refused, Err(AgreeError::Exchange("not sent")));
    words
}

/// What every rank hears; all the same.
fn answer(ranks: &[Scheduler; RANKS], trainers: [u64; RANKS]) -> Option<Disagreement> {
    let pairs = || ranks.iter().zip(trainers);
    let words = pairs().map(|(rank, trainer)| told(rank, trainer)).collect::<Vec<_>>().concat();
    let answers: Vec<_> = pairs()
        .map(|(rank, trainer)| match rank.agree(trainer, |_| Ok::<_, Infallible>(&words)) {
            Ok(()) => None,
            Err(AgreeError::Disagreement(differs)) => Some(differs),
            Err(e) => panic!("{e}"),
        })
        .collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    answers[0]
}

/// At every step of a run: equal states agree; one bit of one loss on one rank shows at once, with
/// its rank and step, until the history that holds it is gone and the states are equal again.
#[test]
fn ranks_agree_exactly_while_their_states_are_equal() {
    let mut seen = 0;
    for at in 0..30_u64 {
        let odd = at as usize % RANKS;
        let mut ranks = [(); RANKS].map(|()| new());
        for (i, loss) in (0..).zip(curve(7, 60)) {
            for (number, rank) in ranks.iter_mut().enumerate() {
                let differs = i == at && number == odd;
                let loss = if differs { f64::from_bits(loss.to_bits() ^ 1) } else { loss };
                let _ = rank.step(loss);
            }
            let equal = ranks.iter().all(|rank| *rank == ranks[0]);
            let found = answer(&ranks, [9; RANKS]);
            assert_eq!(found.is_none(), equal, "loss {at}, step {i}");
            if i == at {
                // The last loss of a climb can go with its history.
                let Some(found) = found else { continue };
                seen += 1;
                let named = (found.rank, found.differ, found.ranks, found.step);
                assert_eq!(named, (odd, 1, RANKS, i + 1));
                assert!(matches!(found.part, Part::Losses | Part::Phase), "{found}");
            }
        }
    }
    assert!(seen >= 25, "{seen} of 30");
}

/// The part that is named is the one that was changed.
#[test]
fn what_differs_is_named() {
    let after = |steps: u64| {
        let mut autowu = new();
        curve(7, steps).into_iter().for_each(|loss| _ = autowu.step(loss));
        autowu
    };
    let same = after(40);
    let config = {
        let mut autowu = Scheduler::new(config().with_seed(1)).unwrap();
        curve(7, 40).into_iter().for_each(|loss| _ = autowu.step(loss));
        autowu
    };
    let mut extended = same.clone();
    extended.extend(2 * STEPS).unwrap();
    let mut skipped = same.clone();
    skipped.skip();
    let mut diverged = after(39);
    let _ = diverged.step(f64::NAN);
    let mut other = after(39);
    let _ = other.step(curve(7, 40)[39] + 1e-9);
    for (odd, part) in [
        (config, Part::Config),
        (extended, Part::TotalSteps),
        (after(39), Part::Steps),
        (skipped, Part::Skipped),
        (other, Part::Losses),
    ] {
        for rank in 0..RANKS {
            let mut ranks = [(); RANKS].map(|()| same.clone());
            ranks[rank] = odd.clone();
            let found = answer(&ranks, [0; RANKS]).unwrap();
            assert_eq!((found.part, found.rank, found.differ, found.step), (part, rank, 1, 40));
        }
    }
    // What a NaN leads to is the rules' affair; that it shows is this law's.
    let ranks = [same.clone(), diverged, same.clone(), same.clone()];
    assert_eq!(answer(&ranks, [0; RANKS]).map(|found| found.rank), Some(1));
    let trainer = answer(&[(); RANKS].map(|()| same.clone()), [3, 3, 4, 3]).unwrap();
    assert_eq!(
        (trainer.part, trainer.rank, trainer.found, trainer.expected),
        (Part::Trainer, 2, 4, 3)
    );
}

/// Another precision or capacity is another run, even before the first loss.
#[test]
fn another_capacity_is_another_configuration() {
    let (small, large) = (new(), AutoWu::<f64, 512>::new(config()).unwrap());
    let words = [told(&small, 0), told(&large, 0)].concat();
    let found = small.agree(0, |_| Ok::<_, Infallible>(&words)).unwrap_err();
    let AgreeError::Disagreement(found) = found else { panic!("{found}") };
    assert_eq!((found.part, found.rank), (Part::Config, 1));
}

/// An exchange that loses, cuts or changes words is no agreement.
#[test]
fn a_broken_exchange_is_refused() {
    let autowu = new();
    let own = told(&autowu, 5);
    let broken = |words: &[u64]| autowu.agree(5, |_| Ok::<_, Infallible>(words)).unwrap_err();
    let zeros = [0; 2 * AGREE_WORDS];
    let longer = [&own[..], &[0]].concat();
    for words in [&[][..], &own[..AGREE_WORDS - 1], &longer, &zeros] {
        assert_eq!(broken(words), AgreeError::Words { words: words.len() });
        assert!(broken(words).to_string().contains("7 for each rank"), "{}", broken(words));
    }
    assert_eq!(autowu.agree(5, Ok::<_, Infallible>), Ok(()));
}
