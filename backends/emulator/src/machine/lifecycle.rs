//! Lifecycle rules, applied before the first request of each UTC day and on demand.

use std::sync::Arc;

use crate::calls::files;
use crate::model::bucket::Bucket;
use crate::model::event::{EventObject, EventType};
use crate::model::file::Version;
use crate::model::file_id::FileId;
use crate::model::rules::LifecycleRule;
use crate::model::state::State;

/// In milliseconds.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// An action of a rule.
#[derive(Debug)]
enum Action {
    /// Adds a hide marker to this name.
    Hide(Arc<str>),
    /// Deletes the version with this id.
    Delete(FileId),
    /// Cancels the unfinished large file with this id.
    Cancel(FileId),
}

impl State {
    /// Removes expired tokens, and applies lifecycle rules if a new day has begun.
    pub(crate) fn expire(&mut self, now: u64) {
        self.tokens.remove_expired(now);
        let today = now / DAY;
        let is_new = self.last_day.is_some_and(|last| last < today);
        // if the clock was set back, days begin again from there
        self.last_day = Some(today);
        if is_new {
            self.run_lifecycle(now);
        }
    }

    /// Applies the rules of all buckets.
    pub(crate) fn run_lifecycle(&mut self, now: u64) {
        let buckets: Vec<String> = self.buckets.keys().cloned().collect();
        for id in buckets {
            let Some(bucket) = self.buckets.get(&id) else {
                continue;
            };
            let rules = bucket.lifecycle_rules.iter();
            let actions: Vec<Action> = rules
                .flat_map(|rule| due_actions(rule, bucket, now))
                .collect();
            for action in actions {
                self.apply(action, &id, now);
            }
        }
    }

    fn apply(&mut self, action: Action, bucket: &str, now: u64) {
        match action {
            Action::Hide(name) => {
                // can't fail: the bucket exists
                files::hide(self, bucket, &name, EventType::HideByRule, now).ok();
            }
            Action::Delete(id) => {
                if let Some(version) = self.remove(id) {
                    self.record_event(&EventObject::of(&version), EventType::DeleteByRule, now);
                }
            }
            Action::Cancel(id) => {
                self.remove(id);
            }
        }
    }
}

/// The actions of a rule that are due.
fn due_actions(rule: &LifecycleRule, bucket: &Bucket, now: u64) -> Vec<Action> {
    let mut actions = Vec::new();
    // the versions of one name, newest first
    let mut same_name: Vec<&Version> = Vec::new();
    for version in bucket.versions.with_prefix(&rule.prefix) {
        if version.is_unfinished() {
            if is_over(version.uploaded, rule.to_canceling, now) {
                actions.push(Action::Cancel(version.file_id));
            }
            continue;
        }
        if same_name.first().is_some_and(|it| it.name != version.name) {
            add_due_actions(rule, &same_name, now, &mut actions);
            same_name.clear();
        }
        same_name.push(version);
    }
    add_due_actions(rule, &same_name, now, &mut actions);
    actions
}

fn is_over(since: u64, days: Option<u64>, now: u64) -> bool {
    days.is_some_and(|days| now.saturating_sub(since) >= days.saturating_mul(DAY))
}

/// Adds the actions that are due for the versions of one name.
fn add_due_actions(
    rule: &LifecycleRule,
    versions: &[&Version],
    now: u64,
    actions: &mut Vec<Action>,
) {
    let Some(current) = versions.first() else {
        return;
    };
    if !current.is_hide_marker() && is_over(current.uploaded, rule.to_hiding, now) {
        actions.push(Action::Hide(Arc::clone(&current.name)));
    }
    // a version has been hidden since the one after it was uploaded
    let mut kept = 0;
    for pair in versions.windows(2) {
        let (newer, older) = (pair[0], pair[1]);
        let is_locked = older.stored().is_some() && older.lock().prevents_deletion(now, false);
        if is_over(newer.uploaded, rule.to_deleting, now) && !is_locked {
            actions.push(Action::Delete(older.file_id));
        } else {
            kept += 1;
        }
    }
    let is_lone = current.is_hide_marker() && kept == 0;
    if is_lone && is_over(current.uploaded, rule.to_deleting, now) {
        actions.push(Action::Delete(current.file_id));
    }
}
