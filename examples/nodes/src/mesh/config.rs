//! What a member is told on its command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::members::Mistakes;

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeshConfig {
    /// Its name, unlike any other's.
    pub name: String,
    /// The mesh that it belongs to.
    pub mesh: String,
    /// Where it answers questions.
    pub http: SocketAddr,
    /// Where it hears the others.
    pub gossip: SocketAddr,
    /// Where it keeps who it is.
    pub dir: PathBuf,
    /// Whom it sends heartbeats to.
    pub peers: Vec<(String, SocketAddr)>,
    /// What it does wrong, on purpose.
    pub mistakes: Mistakes,
}

/// A command line that says too little, or what is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not an option, or one without a value.
    #[error("unknown option `{0}`, or one without a value")]
    Option(String),
    /// A value of another kind.
    #[error("invalid value `{1}` of `{0}`: expected {2}")]
    Value(String, String, &'static str),
    /// An option that is needed.
    #[error("`{0}` is missing")]
    Missing(&'static str),
}

impl MeshConfig {
    /// Reads `NAME` and pairs of an option and its value.
    ///
    /// # Errors
    /// What is unknown, misspelt or missing.
    pub fn parse(words: &[String]) -> Result<Self, ConfigError> {
        let (name, options) = words.split_first().ok_or(ConfigError::Missing("NAME"))?;
        let (mut mesh, mut http, mut gossip, mut dir, mut peers) = ("mesh".to_owned(), None, None, None, Vec::new());
        let mut mistakes = Mistakes::default();
        let mut options = options.iter();
        while let Some(option) = options.next() {
            if option == "--trust-sender-clock" {
                mistakes.trusts_sender_clock = true;
                continue;
            }
            let value = options.next().ok_or_else(|| ConfigError::Option(option.clone()))?;
            let address = |text: &str| {
                let expected = "an address such as `127.0.0.1:7000`";
                text.parse::<SocketAddr>().map_err(|_| ConfigError::Value(option.clone(), text.to_owned(), expected))
            };
            match option.as_str() {
                "--mesh" => mesh.clone_from(value),
                "--http" => http = Some(address(value)?),
                "--gossip" => gossip = Some(address(value)?),
                "--forget-after" => {
                    let count = value.parse();
                    let wrong = |_| ConfigError::Value(option.clone(), value.clone(), "a number");
                    mistakes.forgets_after = Some(count.map_err(wrong)?);
                }
                "--dir" => dir = Some(PathBuf::from(value)),
                "--peer" => {
                    let pair = value.split_once('=');
                    let expected = "`NAME=ADDRESS`";
                    let (peer, at) = pair.ok_or_else(|| ConfigError::Value(option.clone(), value.clone(), expected))?;
                    peers.push((peer.to_owned(), address(at)?));
                }
                _ => return Err(ConfigError::Option(option.clone())),
            }
        }
        Ok(Self {
            name: name.clone(),
            mesh,
            http: http.ok_or(ConfigError::Missing("--http"))?,
            gossip: gossip.ok_or(ConfigError::Missing("--gossip"))?,
            dir: dir.ok_or(ConfigError::Missing("--dir"))?,
            peers,
            mistakes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_read_and_what_is_wrong_with_it_is_told() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let least = "n1 --http 127.0.0.1:1 --gossip 127.0.0.1:2 --dir /d";
        let config = MeshConfig::parse(&words(&format!("{least} --mesh a --peer n2=127.0.0.1:3"))).unwrap();
        assert_eq!((config.mesh.as_str(), config.peers.len(), config.mistakes), ("a", 1, Mistakes::default()));
        let config = MeshConfig::parse(&words(&format!("{least} --trust-sender-clock --forget-after 2"))).unwrap();
        assert_eq!(config.mistakes, Mistakes { trusts_sender_clock: true, forgets_after: Some(2) });
        let rows = [
            ("n1", "`--http` is missing"),
            ("n1 --http x", "invalid value `x` of `--http`: expected an address such as `127.0.0.1:7000`"),
            ("n1 --peer n2", "invalid value `n2` of `--peer`: expected `NAME=ADDRESS`"),
            ("n1 --loud yes", "unknown option `--loud`, or one without a value"),
        ];
        for (line, why) in rows {
            assert_eq!(MeshConfig::parse(&words(line)).unwrap_err().to_string(), why);
        }
    }
}
