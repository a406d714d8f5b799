//! candle's tensors over MPI.

use autowu_core::sampling::mix;
use candle_core::backprop::GradStore;
use candle_core::{DType, Result, Tensor, Var, WithDType};
use mpi::collective::SystemOperation;
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Equivalence, Root};

/// All processes of the training.
pub struct Ranks {
    world: SimpleCommunicator,
}

impl Ranks {
    pub fn of(universe: &Universe) -> Self {
        Ranks { world: universe.world() }
    }

    pub fn rank(&self) -> usize {
        self.world.rank() as usize
    }

    pub fn size(&self) -> usize {
        self.world.size() as usize
    }

    /// Every rank gets the weights of rank 0: each has drawn its own.
    pub fn broadcast(&self, vars: &[Var]) -> Result<()> {
        for var in vars {
            let mut weights = var.flatten_all()?.to_vec1::<f32>()?;
            self.world.process_at_rank(0).broadcast_into(&mut weights[..]);
            var.set(&Tensor::from_vec(weights, var.shape(), var.device())?)?;
        }
        Ok(())
    }

    /// Loss and gradients of the global batch: the means over the ranks of theirs, in one
    /// all-reduce of `[loss | gradients]`, all of type `T`. `vars` are in the same order on every
    /// rank.
    pub fn backward<T>(&self, loss: &Tensor, vars: &[Var]) -> Result<(Tensor, GradStore)>
    where
        T: WithDType + Equivalence,
    {
        let mut grads = loss.backward()?;
        let mut own = vec![loss.to_scalar::<T>()?];
        for var in vars {
            match grads.get(var) {
                Some(grad) => own.extend(grad.flatten_all()?.to_vec1::<T>()?),
                None => own.resize(own.len() + var.elem_count(), T::zero()),
            }
        }
        let mut mean = vec![T::zero(); own.len()];
        self.world.all_reduce_into(&own[..], &mut mean[..], SystemOperation::sum());
        let ranks = T::from_f64(self.size() as f64);
        mean.iter_mut().for_each(|x| *x /= ranks);
        let mut at = 1;
        for var in vars {
            let end = at + var.elem_count();
            grads.insert(var, Tensor::from_slice(&mean[at..end], var.shape(), var.device())?);
            at = end;
        }
        Ok((Tensor::new(mean[0], loss.device())?, grads))
    }

    /// The words of all ranks, in their order: the exchange that `AutoWu::agree` asks for.
    pub fn all_gather(&self, own: &[u64]) -> Result<Vec<u64>> {
        let mut all = vec![0; own.len() * self.size()];
        self.world.all_gather_into(own, &mut all[..]);
        Ok(all)
    }

    /// Ends all ranks: a rank that only returned would let the others wait for it.
    pub fn abort(&self) -> ! {
        self.world.abort(1)
    }
}

/// 64 bits of all weights.
pub fn digest(vars: &[Var]) -> Result<u64> {
    let mut digest = 0;
    for var in vars {
        // Every f32 is an f64 of its own.
        for weight in var.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()? {
            digest = mix(digest ^ weight.to_bits());
        }
    }
    Ok(digest)
}
