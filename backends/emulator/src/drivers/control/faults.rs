//! Endpoints for faults and latches.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::context::{Control, ControlError, bad, parse};
use super::rule::Rule;
use crate::faults::plan::FaultId;

impl Control {
    pub(super) fn add_fault(&self, body: &[u8]) -> Result<Value, ControlError> {
        let rule: Rule = parse(body)?;
        let json = rule.json();
        let mut state = self.state();
        let fault = rule
            .into_fault(&self.emulator, &mut state.latches)
            .map_err(bad)?;
        let FaultId(id) = self.emulator.faults().add(fault);
        state.rules.insert(id, json);
        Ok(json!({"id": id}))
    }

    pub(super) fn faults(&self) -> Value {
        let state = self.state();
        let listed = self.emulator.faults().list();
        let listed: Vec<Value> = listed
            .into_iter()
            .map(|(FaultId(id), matched, hits)| {
                // null for faults added from Rust
                let rule = state.rules.get(&id);
                // `strikes` is the name of `hits` in earlier releases of version 1
                json!({"id": id, "matched": matched, "hits": hits, "strikes": hits, "rule": rule})
            })
            .collect();
        let waiting = state.latches.iter().map(|(name, it)| (name, it.waiting()));
        let waiting: BTreeMap<&String, usize> = waiting.collect();
        // likewise `waitingAtGates`
        json!({"faults": listed, "waitingAtLatches": waiting, "waitingAtGates": waiting})
    }

    pub(super) fn clear_faults(&self) -> Value {
        let mut state = self.state();
        self.emulator.faults().clear();
        state.rules.clear();
        // there would be no way to open them later
        for latch in std::mem::take(&mut state.latches).into_values() {
            latch.open();
        }
        json!({})
    }

    pub(super) fn remove_fault(&self, id: &str) -> Result<Value, ControlError> {
        let missing = || ControlError::not_found(format!("there is no fault {id}"));
        let number = id.parse().map_err(|_| missing())?;
        let listed = self.emulator.faults().list();
        if !listed.iter().any(|(id, ..)| *id == FaultId(number)) {
            return Err(missing());
        }
        self.emulator.faults().remove(FaultId(number));
        self.state().rules.remove(&number);
        Ok(json!({}))
    }

    pub(super) fn open_latch(&self, name: &str) -> Result<Value, ControlError> {
        let state = self.state();
        let latch = state.latches.get(name);
        let latch =
            latch.ok_or_else(|| ControlError::not_found(format!("there is no latch {name}")))?;
        let waited = latch.waiting();
        latch.open();
        Ok(json!({"waited": waited}))
    }
}
