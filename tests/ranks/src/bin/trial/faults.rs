//! What goes wrong on one rank, by the names in `check.rs`.

use crate::{Result, Trial};
use autowu_candle::Event;
use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};
use std::path::PathBuf;

impl Trial<'_> {
    /// Whether `fault` happens now, and on this rank.
    fn now(&mut self, fault: &str) -> bool {
        let now = self.options.fault == fault && self.options.at == self.optimizer.steps();
        if now {
            self.fault = Some(self.options.at);
        }
        now && self.options.rank == self.ranks.rank()
    }

    /// `nan`: the loss of this rank's share is no number, and so are its gradients.
    pub fn with_nan(&mut self, loss: Tensor) -> Result<Tensor> {
        Ok(if self.now("nan") { (loss * f64::NAN)? } else { loss })
    }

    /// `alone`: this rank's own loss and gradients instead of the means. `gradient`: the gradients
    /// alone, once. `loss`: the last bit of the loss differs, once.
    pub fn instead(
        &mut self,
        own: &Tensor,
        loss: Tensor,
        grads: GradStore,
    ) -> Result<(Tensor, GradStore)> {
        if self.options.alone {
            return Ok((own.detach(), own.backward()?));
        }
        if self.now("gradient") {
            return Ok((loss, own.backward()?));
        }
        if self.now("loss") {
            let bits = loss.to_scalar::<f32>()?.to_bits() ^ 1;
            return Ok((Tensor::new(f32::from_bits(bits), &Device::Cpu)?, grads));
        }
        Ok((loss, grads))
    }

    /// `copy`: the first restore that could, puts back the copy before the last. `skip`: an update
    /// is reported as not made. `state`: the state is damaged.
    pub fn after(&mut self, event: Option<&Event<f64>>) -> Result<()> {
        match event {
            Some(Event::Snapshot { .. }) => {
                let copy = |var: &Var| var.as_detached_tensor().copy();
                self.copies.push(self.vars.iter().map(copy).collect::<candle_core::Result<_>>()?);
                self.copies.drain(..self.copies.len().saturating_sub(2));
            }
            Some(Event::Restore { .. }) => {
                self.restores += 1;
                if self.options.fault == "copy" && self.fault.is_none() && self.copies.len() == 2 {
                    self.fault = Some(self.optimizer.steps());
                    if self.options.rank == self.ranks.rank() {
                        let mut pairs = self.vars.iter().zip(&self.copies[0]);
                        pairs.try_for_each(|(var, older)| var.set(older))?;
                    }
                }
            }
            _ => {}
        }
        if self.now("skip") {
            self.optimizer.skip();
        }
        if self.now("state") {
            self.damage()?;
        }
        Ok(())
    }

    /// A digit of the first loss in the history changes, as in a damaged file.
    fn damage(&mut self) -> Result<()> {
        let path = self.own_file("damaged");
        self.optimizer.save(&path)?;
        let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu)?;
        let mut json = tensors["autowu.json"].to_vec1::<u8>()?;
        let key = b"\"entries\":[\"";
        let at = json.windows(key.len()).position(|part| part == key).ok_or("no losses")?;
        let digit = &mut json[at + key.len() + 4];
        *digit = if *digit == b'9' { b'8' } else { *digit + 1 };
        let len = json.len();
        tensors.insert("autowu.json".into(), Tensor::from_vec(json, len, &Device::Cpu)?);
        candle_core::safetensors::save(&tensors, &path)?;
        Ok(self.optimizer.load(&path)?)
    }

    /// `checkpoint`: all ranks go on from their own checkpoints, one of them from an older one.
    pub fn resume(&mut self) -> Result<()> {
        let (step, at) = (self.optimizer.steps(), self.options.at);
        if self.options.fault == "checkpoint" && step + 20 == at {
            self.optimizer.save(self.own_file("older"))?;
        }
        if self.options.fault == "checkpoint" && step == at {
            self.optimizer.save(self.own_file("newer"))?;
            let name = if self.now("checkpoint") { "older" } else { "newer" };
            self.optimizer.load(self.own_file(name))?;
            self.agree()?;
        }
        Ok(())
    }

    fn own_file(&self, name: &str) -> PathBuf {
        self.options.folder.join(format!("{name}-{}.safetensors", self.ranks.rank()))
    }
}
