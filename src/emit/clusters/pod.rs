//! What a task needs in a container, for all engines that run on Kubernetes.

use serde_json::{Value, json};

use crate::config::Config;
use crate::model::Digest;

/// Where a ConfigMap with the plan is in the container.
const CONFIG_MAP: &str = "/shard-plan";

/// Of what a pod is made.
pub(super) struct Pod<'a> {
    image: &'a str,
    config: &'a Config,
}

impl<'a> Pod<'a> {
    /// As `[kubernetes]` says.
    ///
    /// # Errors
    /// What that does not say and must, in words.
    pub(super) fn new(config: &'a Config) -> Result<Pod<'a>, String> {
        let kubernetes = &config.kubernetes;
        let Some(image) = kubernetes.image.as_deref() else {
            let help = "add image = \"registry.example.com/ci:1\", with `shard` and the test tools in it";
            return Err(format!("[kubernetes] names no `image`\n  help: {help}"));
        };
        if kubernetes.claim.is_none() && kubernetes.config_map.is_none() {
            let help = "name the claim of a volume that all pods share (claim = \"ci-work\"), or a ConfigMap made of the \
                        plan's folder (config-map = \"shard-plan\"): docs/clusters.md";
            return Err(format!("nothing in [kubernetes] says where the pods find the plan\n  help: {help}"));
        }
        for (key, path) in [("mount", Some(&kubernetes.mount)), ("folder", kubernetes.folder.as_ref())] {
            // Kubernetes refuses a colon in the path of a mount.
            if path.is_some_and(|path| !path.starts_with('/') || path.contains(':')) {
                return Err(format!("`{key}` of [kubernetes] is not a path from `/` on without a `:`"));
            }
        }
        Ok(Pod { image, config })
    }

    /// The words of the command; `which` says which shard to run, `attempt` which attempt it is.
    pub(super) fn command(&self, digest: &Digest, which: &[String], attempt: Option<&str>) -> Vec<String> {
        let Config { kubernetes, cluster, .. } = self.config;
        let out = self.out();
        let plan = if kubernetes.config_map.is_some() { CONFIG_MAP } else { &out };
        let mut words: Vec<String> = cluster.command.iter().map(|word| literal(word)).collect();
        words.push("run".to_owned());
        words.extend(which.iter().cloned());
        let pair = |flag: &str, value: String| [flag.to_owned(), value];
        words.extend(pair("--plan", literal(&format!("{plan}/plan.json"))));
        words.extend(pair("--digest", digest.token().to_owned()));
        words.extend(pair("--outcomes", literal(&format!("{out}/outcomes"))));
        words.extend(attempt.into_iter().flat_map(|attempt| pair("--attempt", attempt.to_owned())));
        words
    }

    /// The container without its resources.
    pub(super) fn container(&self, name: &str, command: Vec<String>) -> Value {
        let kubernetes = &self.config.kubernetes;
        let mut mounts = vec![json!({"name": "work", "mountPath": kubernetes.mount})];
        if kubernetes.config_map.is_some() {
            mounts.push(json!({"name": "plan", "mountPath": CONFIG_MAP, "readOnly": true}));
        }
        let mut container =
            json!({"name": name, "image": self.image, "command": command, "volumeMounts": mounts});
        let folder = kubernetes.folder.as_ref().or(kubernetes.claim.as_ref().map(|_| &kubernetes.mount));
        if let Some(folder) = folder {
            container["workingDir"] = json!(folder);
        }
        container
    }

    /// The volumes that the container mounts. Without a claim what is written goes with the pod.
    pub(super) fn volumes(&self) -> Value {
        let kubernetes = &self.config.kubernetes;
        let mut volumes = vec![match &kubernetes.claim {
            Some(claim) => json!({"name": "work", "persistentVolumeClaim": {"claimName": claim}}),
            None => json!({"name": "work", "emptyDir": {}}),
        }];
        if let Some(name) = &kubernetes.config_map {
            volumes.push(json!({"name": "plan", "configMap": {"name": name}}));
        }
        Value::Array(volumes)
    }

    /// The plan's folder on the claim.
    fn out(&self) -> String {
        format!("{}/{}", self.config.kubernetes.mount.trim_end_matches('/'), self.config.out)
    }
}

/// A word as Kubernetes hands it on unchanged: it puts variables in place of `$(…)`, and `$` for `$$`.
fn literal(word: &str) -> String {
    word.replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::parse;

    #[test]
    fn a_pod_is_told_where_everything_is() {
        let digest = Digest::of(b"");
        let command = |text: &str| {
            let config = parse(&format!("[kubernetes]\nimage = \"i\"\n{text}")).unwrap();
            Pod::new(&config).map(|pod| pod.command(&digest, &["a-1".to_owned()], None).join(" "))
        };
        let token = digest.token();
        assert_eq!(
            command("claim = \"c\"").unwrap(),
            format!(
                "shard run a-1 --plan /work/shard-out/plan.json --digest {token} --outcomes /work/shard-out/outcomes"
            )
        );
        assert_eq!(
            command("config-map = \"m\"\nmount = \"/o/\"\n[cluster]\ncommand = [\"$(x)\"]").unwrap(),
            format!(
                "$$(x) run a-1 --plan /shard-plan/plan.json --digest {token} --outcomes /o/shard-out/outcomes"
            )
        );
        assert!(command("").unwrap_err().contains("where the pods find the plan"));
        assert!(command("claim = \"c\"\nmount = \"work\"").unwrap_err().contains("`mount`"));
        let config = Config::default();
        assert!(Pod::new(&config).is_err_and(|err| err.contains("names no `image`")));
    }
}
