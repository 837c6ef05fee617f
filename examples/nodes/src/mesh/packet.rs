//! What members tell each other: a heartbeat, and whom the sender has heard of.

use serde_json::{Value, json};

/// One member, as somebody knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rumour {
    pub(super) name: String,
    pub(super) mesh: String,
    pub(super) id: String,
    pub(super) incarnation: u64,
    /// How many heartbeats it has sent since it was started.
    pub(super) beat: u64,
}

/// A heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet {
    /// The sender, of itself.
    pub(super) sender: Rumour,
    /// What the sender's clock says, in milliseconds since 1970. Nobody should rely on it.
    pub(super) wall_ms: u64,
    pub(super) heard: Vec<Rumour>,
}

impl Rumour {
    fn to_json(&self) -> Value {
        json!([self.name, self.mesh, self.id, self.incarnation, self.beat])
    }

    fn read(value: &Value) -> Option<Self> {
        let text = |at: usize| value[at].as_str().map(str::to_owned);
        let number = |at: usize| value[at].as_u64();
        Some(Self { name: text(0)?, mesh: text(1)?, id: text(2)?, incarnation: number(3)?, beat: number(4)? })
    }
}

impl Packet {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let heard: Vec<Value> = self.heard.iter().map(Rumour::to_json).collect();
        json!({"sender": self.sender.to_json(), "wall_ms": self.wall_ms, "heard": heard}).to_string().into_bytes()
    }

    /// Reads a packet; `None` for bytes that are something else.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let heard: Option<Vec<Rumour>> = value["heard"].as_array()?.iter().map(Rumour::read).collect();
        Some(Self { sender: Rumour::read(&value["sender"])?, wall_ms: value["wall_ms"].as_u64()?, heard: heard? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_survives_the_wire_and_other_bytes_are_no_packet() {
        let member = |name: &str| {
            let (name, mesh, id) = (name.to_owned(), "a".to_owned(), "0f".to_owned());
            Rumour { name, mesh, id, incarnation: 2, beat: 7 }
        };
        let packet = Packet { sender: member("n1"), wall_ms: 5, heard: vec![member("n2")] };
        assert_eq!(Packet::read(&packet.to_bytes()), Some(packet));
        for other in ["", "{}", "[]", r#"{"sender":[],"wall_ms":1,"heard":[]}"#] {
            assert_eq!(Packet::read(other.as_bytes()), None, "{other}");
        }
    }
}
