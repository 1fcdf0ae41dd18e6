//! Model checker: explores every interleaving of processes, crashes, and lost and delayed requests.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use super::protocol::{
    Answer, InjectedBug, Intent, NameState, Operation, Outcome, Presence, Process, Step,
};

/// A stage is identified by its nonce, a version by its nonce and a number.
type Stage = u8;
type Version = (u8, u8);

/// The nonce of a file that exists from the beginning.
const FOREIGN: u8 = 9;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    revision: u64,
    slot: Option<Intent<Stage>>,
    /// The existing stages, as bits.
    stages: u8,
    /// The versions of the name, newest last.
    versions: Vec<Version>,
    numbers: u8,
    processes: Vec<Option<Process<Stage, Version>>>,
    /// Which processes have reported their outcome.
    ended: Vec<bool>,
    /// Requests in flight that may be executed at any time.
    delayed: Vec<Operation<Stage>>,
    crashes: u8,
    faults: u8,
    deletes: u8,
    /// Remaining bucket updates by others.
    updates: u8,
    /// Stages of processes that reported not to have created the file.
    denied: u8,
    /// Stages that became the file at some time.
    created: u8,
    /// Whether a process reported that the file was created.
    announced: bool,
}

struct Limits {
    writers: u8,
    discarded: Option<Stage>,
    crashes: u8,
    faults: u8,
    deletes: u8,
    updates: u8,
    foreign: bool,
    injected_bug: Option<InjectedBug>,
    /// A sweeper that deletes stages without using the slot.
    direct_sweep: bool,
}

const SOUND: Limits = Limits {
    writers: 3,
    discarded: None,
    crashes: 2,
    faults: 2,
    deletes: 1,
    updates: 0,
    foreign: false,
    injected_bug: None,
    direct_sweep: false,
};

/// An event, shown in the path to an invalid state.
#[derive(Debug)]
#[expect(dead_code, reason = "they are shown")]
enum Event {
    Asks(usize, Operation<Stage>, &'static str),
    Ends(usize, Outcome<Version>),
    Crashes(usize),
    Late(Operation<Stage>),
    Other(&'static str),
}

impl World {
    fn new(limits: &Limits) -> Self {
        let mut goals: Vec<_> = (0..limits.writers).map(Intent::Create).collect();
        goals.extend(limits.discarded.map(Intent::Discard));
        let process = |goal| {
            let mut process = Process::new(goal);
            process.injected_bug = limits.injected_bug;
            Some(process)
        };
        Self {
            revision: 0,
            slot: None,
            stages: (1 << limits.writers) - 1,
            versions: if limits.foreign {
                vec![(FOREIGN, 0)]
            } else {
                vec![]
            },
            numbers: 1,
            ended: vec![false; goals.len()],
            processes: goals.into_iter().map(process).collect(),
            delayed: Vec::new(),
            crashes: limits.crashes,
            faults: limits.faults,
            deletes: limits.deletes,
            updates: limits.updates,
            denied: 0,
            created: 0,
            announced: false,
        }
    }

    /// Executes a request as B2 does.
    fn serve(&mut self, operation: &Operation<Stage>) -> Result<Answer<Stage, Version>, String> {
        Ok(match operation {
            Operation::Slot => Answer::Slot(self.revision, self.slot.clone()),
            Operation::Stage(stage) if self.has(*stage) => Answer::Stage(Presence::Present),
            Operation::Stage(_) => Answer::Stage(Presence::Absent),
            Operation::Target(stage) => Answer::Target(match self.versions.last() {
                None => NameState::Absent,
                Some(version) if version.0 == *stage => NameState::Own(*version),
                Some(_) => NameState::Other,
            }),
            Operation::Swap(revision, _) if *revision != self.revision => Answer::Refused,
            Operation::Swap(_, slot) => {
                self.slot = slot.clone();
                self.revision += 1;
                Answer::Swapped(self.revision)
            }
            Operation::Copy(stage) => {
                if self.has(*stage) {
                    if let Some(other) = self.versions.iter().find(|it| it.0 != *stage) {
                        return Err(format!(
                            "stage {stage} was copied over the file of {other:?}"
                        ));
                    }
                    if self.denied & 1 << stage != 0 {
                        return Err(format!(
                            "stage {stage} became the file after it was said not to"
                        ));
                    }
                    self.created |= 1 << stage;
                    self.versions.push((*stage, self.numbers));
                    self.numbers += 1;
                }
                Answer::Done
            }
            Operation::Delete(stage) => {
                self.stages &= !(1 << stage);
                Answer::Done
            }
        })
    }

    const fn has(&self, stage: Stage) -> bool {
        self.stages & 1 << stage != 0
    }

    /// A process reports its outcome.
    fn ends(
        &mut self,
        number: usize,
        outcome: &Outcome<Version>,
        calm: bool,
    ) -> Result<(), String> {
        self.ended[number] = true;
        let stage = number as Stage;
        match outcome {
            Outcome::Created(version) => {
                self.announced = true;
                if version.0 != stage || self.created & 1 << stage == 0 {
                    return Err(format!("{number} says that it made {version:?}"));
                }
                if !self.versions.is_empty()
                    && self.versions.last() != Some(version)
                    && self.deletes > 0
                {
                    return Err(format!(
                        "{number} says {version:?}, and the file is {:?}",
                        self.versions
                    ));
                }
            }
            Outcome::Exists | Outcome::Discarded => {
                if self.created & 1 << stage != 0 {
                    return Err(format!("{number} has made the file, and says {outcome:?}"));
                }
                self.denied |= 1 << stage;
            }
            Outcome::Unknown if calm => {
                return Err(format!("{number} can't tell, and no request was lost"));
            }
            Outcome::Unknown => {}
        }
        Ok(())
    }

    /// All possible next states.
    fn next(&self, limits: &Limits) -> Result<Vec<(Event, Self)>, String> {
        let mut next = Vec::new();
        for number in 0..self.processes.len() {
            let Some(process) = &self.processes[number] else {
                continue;
            };
            let operation = match process.step() {
                Step::End(outcome) => {
                    if !self.ended[number] {
                        let mut world = self.clone();
                        if (number as u8) < limits.writers {
                            world.ends(number, &outcome, self.faults == limits.faults)?;
                        } else {
                            world.ended[number] = true;
                        }
                        // It has ended.
                        world.processes[number] = None;
                        next.push((Event::Ends(number, outcome), world));
                    }
                    continue;
                }
                Step::Request(operation) => operation,
            };
            let writes = matches!(
                operation,
                Operation::Swap(..) | Operation::Copy(_) | Operation::Delete(_)
            );
            let mut executed = self.clone();
            let answer = executed.serve(&operation)?;
            let mut done = executed.clone();
            done.process(number).on_answer(answer);
            next.push((
                Event::Asks(number, operation.clone(), "answered"),
                done.clone(),
            ));
            if writes && self.faults > 0 {
                let lost = [("reply lost", executed.clone()), ("dropped", self.clone())];
                for (what, mut world) in lost {
                    world.faults -= 1;
                    world.process(number).on_answer(Answer::LostResponse);
                    next.push((Event::Asks(number, operation.clone(), what), world));
                }
                let mut world = self.clone();
                world.faults -= 1;
                world.delay(&operation);
                world.process(number).on_answer(Answer::LostResponse);
                next.push((Event::Asks(number, operation.clone(), "delayed"), world));
                // Delivered twice. The process may see the second answer, which is one to the same
                // request at a later time, or the first one.
                let mut twice = executed.clone();
                twice.faults -= 1;
                let what = "executed, and will be executed again and answered";
                next.push((Event::Asks(number, operation.clone(), what), twice));
                let mut twice = done;
                twice.faults -= 1;
                twice.delay(&operation);
                let what = "answered, and will be executed again";
                next.push((Event::Asks(number, operation.clone(), what), twice));
            }
            if self.crashes > 0 {
                let mut gone = self.clone();
                gone.crashes -= 1;
                gone.processes[number] = None;
                next.push((Event::Crashes(number), gone));
                if writes && self.faults > 0 {
                    let mut gone = self.clone();
                    gone.crashes -= 1;
                    gone.faults -= 1;
                    gone.delay(&operation);
                    gone.processes[number] = None;
                    next.push((
                        Event::Asks(
                            number,
                            operation.clone(),
                            "on its way, and its sender crashes",
                        ),
                        gone,
                    ));
                }
            }
        }
        for at in 0..self.delayed.len() {
            let mut world = self.clone();
            let operation = world.delayed.remove(at);
            world.serve(&operation)?;
            next.push((Event::Late(operation), world));
        }
        if self.announced && self.deletes > 0 && !self.versions.is_empty() {
            let mut world = self.clone();
            world.deletes -= 1;
            world.versions.clear();
            next.push((Event::Other("the file is deleted"), world));
        }
        if self.updates > 0 {
            let mut world = self.clone();
            world.updates -= 1;
            world.revision += 1;
            next.push((Event::Other("somebody changes the bucket"), world));
        }
        if limits.direct_sweep && self.stages != 0 {
            let mut world = self.clone();
            world.stages &= world.stages - 1;
            next.push((Event::Other("a sweeper deletes a stage"), world));
        }
        Ok(next)
    }

    fn process(&mut self, number: usize) -> &mut Process<Stage, Version> {
        self.processes[number].as_mut().unwrap()
    }

    fn delay(&mut self, operation: &Operation<Stage>) {
        self.delayed.push(operation.clone());
        // The order in which they were sent is irrelevant.
        self.delayed.sort_by_cached_key(hash_of);
    }

    /// Whether a process terminates if no other one runs.
    fn ends_alone(&self, number: usize) -> bool {
        let mut world = self.clone();
        for _ in 0..60 {
            match world.processes[number].as_ref().map(Process::step) {
                None | Some(Step::End(_)) => return true,
                Some(Step::Request(operation)) => {
                    let Ok(answer) = world.serve(&operation) else {
                        return true;
                    };
                    world.process(number).on_answer(answer);
                }
            }
        }
        false
    }
}

/// Explores all states. Returns their number, or the path to an invalid state.
fn explore(limits: &Limits) -> Result<usize, String> {
    let mut seen: HashSet<u128, BuildHasherDefault<IdentityHasher>> = HashSet::default();
    let mut path: Vec<(Event, std::vec::IntoIter<(Event, World)>)> = Vec::new();
    let mut world = World::new(limits);
    let mut step = Event::Other("begin");
    loop {
        if seen.insert(hash_of(&world)) {
            for number in 0..world.processes.len() {
                if !world.ends_alone(number) {
                    return Err(describe_path(&path, &step, &format!("{number} never ends")));
                }
            }
            let next = world
                .next(limits)
                .map_err(|why| describe_path(&path, &step, &why))?;
            path.push((step, next.into_iter()));
        }
        (step, world) = loop {
            let Some((_, rest)) = path.last_mut() else {
                return Ok(seen.len());
            };
            match rest.next() {
                Some(next) => break next,
                None => drop(path.pop()),
            }
        };
    }
}

/// 128 bits, so that collisions among a few million states are not to be expected.
fn hash_of(value: &impl Hash) -> u128 {
    let mut hasher = DoubleHasher(0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344);
    value.hash(&mut hasher);
    hasher.write_u64(0);
    u128::from(hasher.0) << 64 | u128::from(hasher.1)
}

/// Two cheap hashes in one pass.
struct DoubleHasher(u64, u64);

impl Hasher for DoubleHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }
    fn write_u64(&mut self, word: u64) {
        let mixed = |state: u64, prime: u64| {
            let product = u128::from(state ^ word) * u128::from(prime);
            (product as u64) ^ (product >> 64) as u64 ^ state.rotate_left(23)
        };
        *self = Self(
            mixed(self.0, 0x9e37_79b9_7f4a_7c15),
            mixed(self.1, 0xd1b5_4a32_d192_ed03),
        );
    }
    fn write_u8(&mut self, word: u8) {
        self.write_u64(u64::from(word));
    }
    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
    fn write_isize(&mut self, word: isize) {
        self.write_u64(word as u64);
    }
}

/// A digest is its own hash.
#[derive(Default)]
struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u128(&mut self, digest: u128) {
        self.0 = digest as u64;
    }
}

fn describe_path(
    path: &[(Event, std::vec::IntoIter<(Event, World)>)],
    step: &Event,
    why: &str,
) -> String {
    let steps = path.iter().map(|(step, _)| step).chain([step]);
    let steps: Vec<_> = steps.map(|step| format!("{step:?}")).collect();
    format!("{}\n=> {why}", steps.join("\n"))
}

/// Asserts that no invalid state is found among more than `least` states.
fn assert_sound(limits: &Limits, least: usize) {
    let found = explore(limits);
    assert!(found.is_ok(), "{}", found.err().unwrap_or_default());
    assert!(found.is_ok_and(|states| states > least));
}

#[test]
fn two_writers_in_any_order_have_at_most_one_winner() {
    for foreign in [false, true] {
        let limits = Limits {
            writers: 2,
            foreign,
            updates: 1,
            ..SOUND
        };
        assert_sound(&limits, 500);
    }
}

#[test]
fn two_writers_and_a_sweeper_in_any_order_have_at_most_one_winner() {
    let limits = Limits {
        writers: 2,
        discarded: Some(0),
        ..SOUND
    };
    assert_sound(&limits, 1_000_000);
}

#[test]
fn three_writers_in_any_order_have_at_most_one_winner() {
    assert_sound(&SOUND, 1_000_000);
}

#[test]
fn injected_bugs_are_found() {
    for injected_bug in [
        InjectedBug::ClearBeforeDelete,
        InjectedBug::RefusedIsNotOurs,
        InjectedBug::RefusedAfterLostIsNotOurs,
        InjectedBug::NoCheckAfterTheLook,
    ] {
        let limits = Limits {
            writers: 2,
            injected_bug: Some(injected_bug),
            ..SOUND
        };
        let found = explore(&limits);
        assert!(
            found.is_err(),
            "{injected_bug:?} was not found in {found:?} states"
        );
    }
    let limits = Limits {
        writers: 2,
        direct_sweep: true,
        ..SOUND
    };
    assert!(
        explore(&limits).is_err(),
        "a sweeper that goes round the slot"
    );
}
