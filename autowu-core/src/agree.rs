//! [`AutoWu::agree`]: do all ranks of a data-parallel training run the same schedule?

use crate::digest::Digest;
use crate::phase::Phase;
use crate::real::Real;
use crate::scheduler::AutoWu;
use core::fmt;

/// Words that a rank tells the others in [`AutoWu::agree`].
pub const AGREE_WORDS: usize = 7;

/// Of what a rank tells: a change of its meaning changes it.
const FORMAT: u64 = 1;

/// What all ranks must agree on. An earlier part that differs explains the later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// [`Config`](crate::Config), precision and capacity.
    Config,
    /// [`AutoWu::total_steps`].
    TotalSteps,
    /// [`AutoWu::steps`].
    Steps,
    /// [`AutoWu::skipped`].
    Skipped,
    /// [`AutoWu::phase`].
    Phase,
    /// All the rest of the state: the losses, and what came of them.
    Losses,
    /// What the trainer added.
    Trainer,
}

impl Part {
    /// In the order of the words.
    const ALL: [Part; AGREE_WORDS] = [
        Part::Config,
        Part::TotalSteps,
        Part::Steps,
        Part::Skipped,
        Part::Phase,
        Part::Losses,
        Part::Trainer,
    ];

    /// What to do about it.
    fn remedy(self) -> &'static str {
        match self {
            Part::Config => "build AutoWu from the same Config, in the same version, on every rank",
            Part::TotalSteps => "extend every rank",
            Part::Steps => "resume every rank from the same checkpoint",
            Part::Skipped => "skip an update on every rank if any rank overflows",
            Part::Phase => "resume every rank from the same checkpoint",
            Part::Losses => {
                "tell every rank the same bits: all-reduce the loss, or broadcast that of rank 0"
            }
            Part::Trainer => "restore the same copy, and apply the same gradients, on every rank",
        }
    }
}

impl<T: Real, const N: usize> AutoWu<T, N> {
    /// Whether all ranks are in the same state, and if not, which rank and what differs first.
    ///
    /// `exchange` is the trainer's all-gather: it gets this rank's [`AGREE_WORDS`] words and
    /// returns those of all ranks, in their order. An all-reduce of sums does the same: each rank
    /// writes its words to its place in a buffer of zeros. `trainer` is a digest of whatever else
    /// must agree (weights, place in the data); 0 for nothing.
    ///
    /// Every rank gets the same answer, so all stop at the same update. Call it when the scheduler
    /// has seen losses, and after every restore and load: losses that wait have decided nothing,
    /// and a loss that differs shows for as long as it is remembered. 56 bytes per rank, one
    /// exchange.
    ///
    /// ```
    /// use autowu_core::{AGREE_WORDS, AutoWu, Config};
    /// use std::sync::{Barrier, Mutex};
    ///
    /// // Two threads as ranks, a table as their all-gather.
    /// let (table, all_wrote) = (Mutex::new([[0; AGREE_WORDS]; 2]), Barrier::new(2));
    /// let rank = &|rank: usize| {
    ///     let mut autowu: AutoWu = AutoWu::new(Config::new(100)).unwrap();
    ///     let _ = autowu.step([0.7, 0.6][rank]); // its own loss, instead of the mean
    ///     let all_gather = |own| {
    ///         table.lock().unwrap()[rank] = own;
    ///         all_wrote.wait();
    ///         Ok::<_, std::io::Error>(table.lock().unwrap().concat())
    ///     };
    ///     autowu.agree(0, all_gather).unwrap_err().to_string()
    /// };
    /// let said = std::thread::scope(|scope| {
    ///     [0, 1].map(|r| scope.spawn(move || rank(r))).map(|rank| rank.join().unwrap())
    /// });
    /// assert_eq!(said[0], said[1]);
    /// assert!(said[0].starts_with("step 1: rank 1 has other losses than rank 0"));
    /// ```
    ///
    /// # Errors
    /// The exchange's own; words that are not 7 for each rank with this rank's among them; or what
    /// differs.
    pub fn agree<A: AsRef<[u64]>, E>(
        &self,
        trainer: u64,
        exchange: impl FnOnce([u64; AGREE_WORDS]) -> Result<A, E>,
    ) -> Result<(), AgreeError<E>> {
        let own = self.words(trainer);
        let all = exchange(own).map_err(AgreeError::Exchange)?;
        let all = all.as_ref();
        if all.len() % AGREE_WORDS != 0 || !ranks(all).any(|words| words == own) {
            return Err(AgreeError::Words { words: all.len() });
        }
        Disagreement::first(all).map_or(Ok(()), |differs| Err(AgreeError::Disagreement(differs)))
    }

    fn words(&self, trainer: u64) -> [u64; AGREE_WORDS] {
        let kind = [FORMAT, size_of::<T>() as u64, N as u64];
        let config = Digest::new().of(&kind).of(self.config()).finish();
        let phase = match self.phase() {
            Phase::Warmup(climb) => Digest::new().of(&0_u64).of(&climb),
            Phase::Decay { peak, start } => Digest::new().of(&1_u64).of(&peak).of(&start),
        };
        let phase = phase.finish();
        let losses = self.digest();
        [config, self.total_steps(), self.steps(), self.skipped(), phase, losses, trainer]
    }
}

/// Which rank disagrees, and on what. The same on every rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disagreement {
    /// What differs.
    pub part: Part,
    /// Steps that most ranks have done.
    pub step: u64,
    /// The first rank that differs from most ranks or, where no value has a majority, from rank 0.
    pub rank: usize,
    /// How many ranks differ.
    pub differ: usize,
    /// How many ranks there are.
    pub ranks: usize,
    /// Its word: a number for the steps, else a digest.
    pub found: u64,
    /// The word of most ranks, or of rank 0.
    pub expected: u64,
}

impl Disagreement {
    /// The first part in which not all ranks are equal.
    fn first(all: &[u64]) -> Option<Self> {
        let step = majority(all, Part::Steps);
        Part::ALL.into_iter().find_map(|part| {
            let expected = majority(all, part);
            let mut differing = column(all, part).enumerate().filter(|&(_, word)| word != expected);
            let (rank, found) = differing.next()?;
            let (differ, ranks) = (1 + differing.count(), ranks(all).count());
            Some(Disagreement { part, step, rank, differ, ranks, found, expected })
        })
    }

    /// Whether most ranks agree, so that those which differ are wrong.
    fn is_outvoted(&self) -> bool {
        2 * self.differ < self.ranks
    }
}

/// The words of each rank.
fn ranks(all: &[u64]) -> impl Iterator<Item = &[u64]> {
    all.chunks_exact(AGREE_WORDS)
}

/// The word of each rank for this part.
fn column(all: &[u64], part: Part) -> impl Iterator<Item = u64> {
    all.iter().skip(part as usize).step_by(AGREE_WORDS).copied()
}

/// The word that more than half of the ranks have, or else that of rank 0. (Boyer, Moore 1981.)
fn majority(all: &[u64], part: Part) -> u64 {
    let (candidate, _) =
        column(all, part).fold((0, 0_usize), |(candidate, lead), word| match lead {
            0 => (word, 1),
            _ if word == candidate => (candidate, lead + 1),
            _ => (candidate, lead - 1),
        });
    let votes = column(all, part).filter(|&word| word == candidate).count();
    let first = column(all, part).next().unwrap_or(candidate);
    if 2 * votes > ranks(all).count() { candidate } else { first }
}

/// Why [`AutoWu::agree`] did not find that all ranks agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AgreeError<E> {
    /// The exchange failed.
    Exchange(E),
    /// The exchange returned this many words, or the right number without this rank's own.
    Words {
        /// How many words came.
        words: usize,
    },
    /// The ranks differ. Stop all of them: their weights no longer have one schedule.
    Disagreement(Disagreement),
}

impl<E: fmt::Display> fmt::Display for AgreeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AgreeError::Exchange(e) => write!(f, "the exchange between ranks failed: {e}"),
            AgreeError::Words { words } => write!(
                f,
                "the exchange returned {words} words: {AGREE_WORDS} for each rank are expected, \
                 this rank's unchanged among them; use an all-gather of u64"
            ),
            AgreeError::Disagreement(e) => e.fmt(f),
        }
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Disagreement { part, step, rank, differ, ranks, found, expected } = self;
        let others = if self.is_outvoted() { "most ranks" } else { "rank 0" };
        write!(f, "step {step}: rank {rank} ")?;
        match part {
            Part::Config => write!(f, "has another configuration than {others}"),
            Part::TotalSteps => {
                write!(f, "has {found} steps in all instead of the {expected} of {others}")
            }
            Part::Steps => {
                write!(f, "has done {found} steps instead of the {expected} of {others}")
            }
            Part::Skipped => {
                write!(f, "has skipped {found} updates instead of the {expected} of {others}")
            }
            Part::Phase => write!(f, "is in another phase or climb than {others}"),
            Part::Losses => write!(f, "has other losses than {others}"),
            Part::Trainer => write!(f, "has another trainer's digest than {others}"),
        }?;
        write!(f, " ({differ} of {ranks} ranks differ): {}", part.remedy())
    }
}

impl core::error::Error for Disagreement {}

impl<E: core::error::Error + 'static> core::error::Error for AgreeError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            AgreeError::Exchange(e) => Some(e),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;
    use std::vec::Vec;

    /// What rank 0 says of ranks with these words.
    fn of(ranks: &[[u64; AGREE_WORDS]]) -> Option<Disagreement> {
        Disagreement::first(&ranks.concat())
    }

    #[test]
    fn the_first_part_that_differs_is_named_with_its_remedy() {
        let same = [1, 100, 7, 0, 3, 4, 5];
        assert_eq!(of(&[same; 4]), None);
        for (part, words) in [
            (Part::Config, "another configuration than most ranks (1 of 3"),
            (Part::TotalSteps, "has 9 steps in all instead of the 100 of most ranks (1 of 3"),
            (Part::Steps, "has done 9 steps instead of the 7 of most ranks (1 of 3"),
            (Part::Skipped, "has skipped 9 updates instead of the 0 of most ranks (1 of 3"),
            (Part::Phase, "is in another phase or climb than most ranks (1 of 3"),
            (Part::Losses, "has other losses than most ranks (1 of 3"),
            (Part::Trainer, "has another trainer's digest than most ranks (1 of 3"),
        ] {
            let mut other = same;
            other[part as usize..].fill(9); // later parts follow from it
            let found = of(&[same, same, other]).unwrap();
            assert_eq!((found.part, found.rank, found.differ, found.step), (part, 2, 1, 7));
            let said = found.to_string();
            assert!(said.starts_with("step 7: rank 2 ") && said.contains(words), "{said}");
            assert!(said.ends_with(part.remedy()));
        }
    }

    #[test]
    fn the_majority_is_right_and_without_one_rank_0_is() {
        let ranks = |losses: &[u64]| -> Vec<_> {
            losses.iter().map(|&losses| [0, 0, 7, 0, 0, losses, 0]).collect()
        };
        for (losses, rank, differ, others) in [
            (&[2, 1, 1][..], 0, 1, "most ranks"),
            (&[1, 2, 1, 3, 1], 1, 2, "most ranks"),
            (&[1, 2, 2, 1], 1, 2, "rank 0"),
            (&[1, 2], 1, 1, "rank 0"),
            (&[1, 2, 3], 1, 2, "rank 0"),
            (&[3, 1, 1, 2, 2], 1, 4, "rank 0"),
        ] {
            let found = of(&ranks(losses)).unwrap();
            assert_eq!((found.rank, found.differ), (rank, differ), "{losses:?}");
            let words = std::format!("than {others} ({differ} of {} ranks", losses.len());
            assert!(found.to_string().contains(&words), "{found}");
        }
    }
}
