//! What the processes of a rig read: keys, tokens, kubeconfigs, policies.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chaos_kube::ClusterAccess;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use serde_json::json;

use crate::error::RigError;
use crate::ports::Ports;

const AUDIT_POLICY: &str = include_str!("../kwok/audit-policy.yaml");
const KWOK: &str = include_str!("../kwok/kwok.yaml");
/// What a container of a fake pod has written, in the form of container runtimes.
const POD_LOG: &str = include_str!("../kwok/pod.log");
/// As many lines are in the log of a container that is named `loud`, of 100 bytes each.
const LOUD_LINES: usize = 30_000;
/// A test is never longer than that, and clocks differ less.
const DAY: Duration = Duration::from_hours(24);

/// The user that tests are, and the one that the rig itself is; the others are the parts.
pub(crate) const USERS: &[&str] = &["admin", "rig:self", "rig:controllers", "rig:scheduler", "rig:kwok"];

/// The folder of a rig. It is not removed by this: the janitor does that.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Makes a folder and all that the parts read.
    pub(crate) fn new(ports: Ports) -> Result<Self, RigError> {
        let temp = std::env::temp_dir();
        let root = tempfile::Builder::new().prefix("squall-rig-").tempdir_in(&temp).map_err(RigError::file(&temp))?;
        let folder = Self { root: root.path().to_owned() };
        folder.keys()?;
        let mut tokens = Vec::new();
        for user in USERS {
            let token = token()?;
            tokens.push(format!("{token},{user},{user},\"system:masters\"\n"));
            folder.kubeconfig(user, &token, ports)?;
        }
        folder.write("tokens.csv", tokens.concat())?;
        folder.write("audit-policy.yaml", AUDIT_POLICY)?;
        folder.write("pod.log", POD_LOG)?;
        folder.write("loud.log", loud())?;
        folder.write("kwok.yaml", KWOK.replace("FOLDER", &folder.root.to_string_lossy()))?;
        let _kept = root.keep();
        Ok(folder)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The path of a file in it, as an argument.
    pub(crate) fn path(&self, name: &str) -> String {
        self.root.join(name).to_string_lossy().into_owned()
    }

    /// The kubeconfig of a user.
    pub(crate) fn access(&self, user: &str) -> ClusterAccess {
        ClusterAccess { kubeconfig: Some(self.root.join(kubeconfig_name(user))), context: None }
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> Result<(), RigError> {
        let path = self.root.join(name);
        fs::write(&path, text).map_err(RigError::file(&path))
    }

    /// A CA, the certificate of the API server (also that of the fake kubelet), and the key that signs service accounts.
    fn keys(&self) -> Result<(), RigError> {
        let mut params = dated(&[])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params.distinguished_name.push(DnType::CommonName, "rig");
        let key = KeyPair::generate()?;
        self.write("ca.crt", params.self_signed(&key)?.pem())?;
        let ca = Issuer::new(params, key);

        let key = KeyPair::generate()?;
        let mut params = dated(&["127.0.0.1", "localhost"])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.write("api.crt", params.signed_by(&key, &ca)?.pem())?;
        self.write("api.key", key.serialize_pem())?;

        let key = KeyPair::generate()?;
        self.write("sa.key", key.serialize_pem())?;
        self.write("sa.pub", key.public_key_pem())
    }

    fn kubeconfig(&self, user: &str, token: &str, ports: Ports) -> Result<(), RigError> {
        let server = format!("https://127.0.0.1:{}", ports.api);
        let authority = json!({ "certificate-authority": self.path("ca.crt") });
        self.write(&kubeconfig_name(user), kubeconfig(&server, authority, token))
    }
}

fn kubeconfig_name(user: &str) -> String {
    format!("kubeconfig-{}", user.replace(':', "-"))
}

/// A kubeconfig, as JSON, which is YAML as well.
pub(crate) fn kubeconfig(server: &str, mut cluster: serde_json::Value, token: &str) -> String {
    cluster["server"] = server.into();
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "rig",
        "clusters": [{ "name": "rig", "cluster": cluster }],
        "users": [{ "name": "rig", "user": { "token": token } }],
        "contexts": [{ "name": "rig", "context": { "cluster": "rig", "user": "rig" } }],
    })
    .to_string()
}

fn dated(names: &[&str]) -> Result<CertificateParams, rcgen::Error> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names)?;
    let now = SystemTime::now();
    params.not_before = (now - DAY).into();
    params.not_after = (now + 30 * DAY).into();
    Ok(params)
}

/// Other users of this machine must not guess it.
fn token() -> Result<String, RigError> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; 16];
    File::open(path).and_then(|mut file| file.read_exact(&mut bytes)).map_err(RigError::file(path))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// Many lines, each of which says which it is.
fn loud() -> String {
    let line = |n: usize| format!("2026-01-01T00:00:00.000000000Z stdout F line {n:05} of many {:.<45}\n", "");
    let lines: Vec<String> = (1..=LOUD_LINES).map(line).collect();
    lines.concat()
}
