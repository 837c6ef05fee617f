//! The writes, the reads behind them, and the watch over the leader.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::history::{Audit, History};
use super::members::{ClientError, Members};

/// Between two writes: often enough for a gap to be measured to a few hundredths of a second, and no load.
const PACE: Duration = Duration::from_millis(20);

/// Between two looks at the leader.
const LOOK: Duration = Duration::from_millis(50);

/// What all keys of the client begin with.
const PREFIX: &str = "write/";

/// How long a member that gave no answer is left alone, as clients of etcd do.
const LEFT_ALONE: Duration = Duration::from_secs(3);

/// The members in turn, without those that gave no answer lately.
struct Turn {
    at: usize,
    left_alone_until: Vec<Option<Instant>>,
}

impl Turn {
    fn next(&mut self) -> usize {
        let count = self.left_alone_until.len();
        let now = Instant::now();
        let open = |at: &usize| self.left_alone_until[*at].is_none_or(|until| until < now);
        let next = (1..=count).map(|step| (self.at + step) % count);
        // Where none has answered, whoever's turn it is.
        self.at = next.clone().find(open).unwrap_or((self.at + 1) % count);
        self.at
    }

    fn leave_alone(&mut self, at: usize) {
        self.left_alone_until[at] = Some(Instant::now() + LEFT_ALONE);
    }
}

/// Writes one key after the other, for ever, to the members in turn, and reads each acknowledged one through another.
pub async fn write(members: Members, history: Arc<Mutex<History>>) {
    let mut turn = Turn { at: 0, left_alone_until: vec![None; members.count()] };
    for number in 0_u64.. {
        let (key, value) = (format!("{PREFIX}{number:08}"), format!("value {number}"));
        let at = turn.next();
        if members.put(at, &key, &value).await.is_ok() {
            known(&history).acknowledged(key.clone(), value);
            let at = turn.next();
            // A read that is not answered says nothing.
            match members.get(at, &key).await {
                Ok(found) => known(&history).read(&key, found.as_deref(), members.name(at)),
                Err(_) => turn.leave_alone(at),
            }
        } else {
            known(&history).not_acknowledged(key, value);
            turn.leave_alone(at);
        }
        sleep(PACE).await;
    }
}

/// Asks every member who leads and how far it has come, for ever; one that is slow does not hold up the others.
pub fn watch(members: &Members, history: &Arc<Mutex<History>>) {
    for at in 0..members.count() {
        let (members, history) = (members.clone(), Arc::clone(history));
        tokio::spawn(async move {
            loop {
                if let Ok(view) = members.view(at).await {
                    known(&history).seen(members.name(at), view);
                }
                sleep(LOOK).await;
            }
        });
    }
}

/// Has the member called `name` lead, as `etcdctl move-leader` does, and returns once each member says that it does.
///
/// # Errors
/// When there is no such member. A cluster that has no leader yet is waited for.
pub async fn lead(members: &Members, name: &str) -> Result<(), ClientError> {
    let place = members.place(name)?;
    loop {
        let mut views = Vec::with_capacity(members.count());
        for at in 0..members.count() {
            views.extend(members.view(at).await.ok());
        }
        let wanted = views.get(place).map(|view| view.id.clone());
        if let (true, Some(wanted)) = (views.len() == members.count(), wanted) {
            if views.iter().all(|view| view.leader.as_ref() == Some(&wanted)) {
                return Ok(());
            }
            let leader = views.iter().position(|view| view.leader.as_ref() == Some(&view.id));
            if let Some(leader) = leader.filter(|leader| *leader != place) {
                // One that could not is asked again.
                let _ = members.hand_over(leader, &wanted).await;
            }
        }
        sleep(LOOK).await;
    }
}

/// Reads everything that is there, through the leader, and compares.
///
/// # Errors
/// When no member answers.
pub async fn audit(members: &Members, history: &Mutex<History>) -> Result<Audit, ClientError> {
    let mut why = ClientError::Incomplete("kvs");
    for at in 0..members.count() {
        // What is acknowledged later than this read is not compared with it.
        let promised = known(history).acknowledged_count();
        match members.all(at, PREFIX).await {
            Ok(there) => return Ok(known(history).audit(&there, promised)),
            Err(error) => why = error,
        }
    }
    Err(why)
}

pub(crate) fn known(history: &Mutex<History>) -> MutexGuard<'_, History> {
    history.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_member_is_left_alone_unless_all_are_silent() {
        let mut turn = Turn { at: 0, left_alone_until: vec![None; 3] };
        let drawn = |turn: &mut Turn| [turn.next(), turn.next(), turn.next()];
        assert_eq!(drawn(&mut turn), [1, 2, 0]);
        turn.leave_alone(1);
        assert_eq!(drawn(&mut turn), [2, 0, 2]);
        turn.leave_alone(0);
        turn.leave_alone(2);
        assert_eq!(drawn(&mut turn), [0, 1, 2]);
    }
}
