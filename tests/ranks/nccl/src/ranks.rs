//! candle's tensors over NCCL. Loss and gradients stay on the GPU.

use candle_core::backend::BackendStorage;
use candle_core::backprop::GradStore;
use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::nccl::{Comm, Id, ReduceOp};
use candle_core::{
    CpuStorage, CudaDevice, CudaStorage, CustomOp1, DType, Error, Layout, Result, Shape, Tensor,
    Var, bail,
};
use std::path::Path;
use std::time::Duration;

/// All processes of the training, one for each GPU.
pub struct Ranks {
    comm: Comm,
    device: CudaDevice,
}

impl Ranks {
    /// `rank` of `size`, which meet at a file in a folder that all see. Remove it before each run.
    pub fn meet(rank: usize, size: usize, device: &CudaDevice, file: &Path) -> Result<Self> {
        let id = if rank == 0 {
            let id = Id::new().map_err(nccl)?;
            let partial = file.with_extension("partial");
            std::fs::write(&partial, id.internal().map(|c| c as u8))?;
            std::fs::rename(&partial, file)?; // whole, or not there
            id
        } else {
            while !file.exists() {
                std::thread::sleep(Duration::from_millis(100));
            }
            let bytes = std::fs::read(file)?;
            let Ok(bytes) = <[u8; 128]>::try_from(bytes) else {
                bail!("{}: it is no NCCL id; remove it", file.display());
            };
            Id::uninit(bytes.map(|byte| byte as std::ffi::c_char))
        };
        // candle's own stream, so that its kernels and NCCL's are in order.
        let comm = Comm::from_rank(device.cuda_stream(), rank, size, id).map_err(nccl)?;
        Ok(Ranks { comm, device: device.clone() })
    }

    pub fn rank(&self) -> usize {
        self.comm.rank()
    }

    pub fn size(&self) -> usize {
        self.comm.world_size()
    }

    /// Every rank gets the weights of rank 0: the mean of them and of zeros, times their number.
    pub fn broadcast(&self, vars: &[Var]) -> Result<()> {
        let own = if self.rank() == 0 { self.size() as f64 } else { 0.0 };
        for var in vars {
            var.set(&(var.as_tensor() * own)?.detach().apply_op1_no_bwd(&Mean(&self.comm))?)?;
        }
        Ok(())
    }

    /// Loss and gradients of the global batch: the means over the ranks of theirs, in one
    /// all-reduce of `[loss | gradients]`. `vars` are f32, in the same order on every rank.
    pub fn backward(&self, loss: &Tensor, vars: &[Var]) -> Result<(Tensor, GradStore)> {
        let mut grads = loss.backward()?;
        let mut parts = vec![loss.detach().to_dtype(DType::F32)?.reshape(1)?];
        for var in vars {
            let grad = grads.get(var).cloned().map_or_else(|| var.zeros_like(), Ok)?;
            parts.push(grad.detach().flatten_all()?);
        }
        let mean = Tensor::cat(&parts, 0)?.apply_op1_no_bwd(&Mean(&self.comm))?;
        let mut at = 1;
        for var in vars {
            let grad = mean.narrow(0, at, var.elem_count())?.reshape(var.shape())?;
            grads.insert(var, grad);
            at += var.elem_count();
        }
        Ok((mean.narrow(0, 0, 1)?, grads))
    }

    /// The words of all ranks, in their order: the exchange that `AutoWu::agree` asks for.
    pub fn all_gather(&self, own: &[u64]) -> Result<Vec<u64>> {
        let stream = self.device.cuda_stream();
        let own = stream.clone_htod(own).w()?;
        let mut all = stream.alloc_zeros::<u64>(own.len() * self.size()).w()?;
        self.comm.all_gather(&own, &mut all).map_err(nccl)?;
        stream.clone_dtoh(&all).w()
    }
}

/// The mean over the ranks.
struct Mean<'a>(&'a Comm);

impl CustomOp1 for Mean<'_> {
    fn name(&self) -> &'static str {
        "mean over the ranks"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        bail!("NCCL needs tensors on a GPU")
    }

    fn cuda_fwd(&self, own: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("NCCL needs contiguous tensors")
        };
        let device = own.device();
        let own = own.as_cuda_slice::<f32>()?.slice(start..end);
        let mut mean = device.alloc_zeros::<f32>(end - start)?;
        self.0.all_reduce(&own, &mut mean, &ReduceOp::Avg).map_err(nccl)?;
        Ok((CudaStorage::wrap_cuda_slice(mean, device.clone()), layout.shape().clone()))
    }
}

fn nccl(e: candle_core::cuda_backend::cudarc::nccl::result::NcclError) -> Error {
    Error::msg(format!("NCCL: {:?}", e.0))
}
