//! A plan as Indexed Jobs of Kubernetes: one for every amount of memory, in a `List`.
//!
//! A job has one template and so one amount of memory. Its completion indices count from 0; which places of the
//! plan they stand for is said to `shard run`, and noted at every pod for whoever reads how it ended.

use serde_json::{Value, json};

use super::classes::{Group, groups};
use super::pod::Pod;
use crate::config::Config;
use crate::ended::{AMONG, PLAN_LABEL};
use crate::model::Digest;
use crate::plan::Plan;

/// What the container is called.
const CONTAINER: &str = "shard";

/// Codes of `shard run` after which the same again ends the same: its guard stopped it, or the kernel.
const OUT_OF_MEMORY: [i32; 2] = [92, 137];

/// The jobs, as one document with a line break at its end.
///
/// # Errors
/// A shard above the largest class, or what `[kubernetes]` does not say; in words, with what would do.
pub fn list(plan: &Plan, digest: &Digest, config: &Config) -> Result<String, String> {
    let pod = Pod::new(config)?;
    let groups = groups(plan, &config.cluster)?;
    let items: Vec<Value> = groups.iter().map(|group| job(group, digest, &pod, config)).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    let text = serde_json::to_string_pretty(&list).map_err(|err| err.to_string())?;
    Ok(text + "\n")
}

fn job(group: &Group<'_>, digest: &Digest, pod: &Pod<'_>, config: &Config) -> Value {
    let kubernetes = &config.kubernetes;
    let which = ["--among".to_owned(), group.ranges()];
    let mut container = pod.container(CONTAINER, pod.command(digest, &which, None));
    // Requests that equal the limits: nothing else on the node can take what was planned.
    let resources = json!({"memory": format!("{}Mi", group.mebibytes), "cpu": group.cpus.to_string()});
    container["resources"] = json!({"requests": resources, "limits": resources});
    let mut spec = json!({
        "restartPolicy": "Never",
        // Of each pod: that of a job would count the waiting of its last pods too.
        "activeDeadlineSeconds": u64::from(group.minutes) * 60,
        "containers": [container],
        "volumes": pod.volumes(),
    });
    if let Some(account) = &kubernetes.service_account {
        spec["serviceAccountName"] = json!(account);
    }
    let number = group.shards.len();
    let mut labels = json!({PLAN_LABEL: digest.token()});
    let of_pods = json!({"labels": labels, "annotations": {AMONG: group.ranges()}});
    if let Some(queue) = &kubernetes.queue {
        labels["kueue.x-k8s.io/queue-name"] = json!(queue);
    }
    let mut metadata = json!({"name": group.name(digest), "labels": labels});
    if let Some(namespace) = &kubernetes.namespace {
        metadata["namespace"] = json!(namespace);
    }
    let at_once = kubernetes.at_once.map_or(number, |most| number.min(most as usize));
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "completionMode": "Indexed",
            "completions": number,
            "parallelism": at_once,
            // Of each index, so that one failure does not end the others.
            "backoffLimitPerIndex": kubernetes.retries,
            "podFailurePolicy": {"rules": [
                {
                    "action": "Ignore",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                },
                {
                    "action": "FailIndex",
                    // Empty is as good as missing, except for the schemas of the first versions, which want it.
                    "onPodConditions": [],
                    "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": OUT_OF_MEMORY},
                },
            ]},
            "template": {"metadata": of_pods, "spec": spec},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::parse;

    #[test]
    fn a_job_for_every_amount_of_memory() {
        let bytes = include_bytes!("../../../testdata/plans/two-shards.json");
        let (plan, digest) = (Plan::from_bytes(bytes).unwrap(), Digest::of(bytes));
        let config = "[kubernetes]\nimage = \"i\"\nclaim = \"c\"\nqueue = \"q\"\nat-once = 4";
        let text = list(&plan, &digest, &parse(config).unwrap()).unwrap();
        let list: Value = serde_json::from_str(&text).unwrap();
        let jobs = list["items"].as_array().unwrap();
        assert_eq!(jobs.len(), 2);
        let (job, token) = (&jobs[0], digest.token());
        assert_eq!(job["metadata"]["name"], format!("shard-{token}-1280m-1c"));
        assert_eq!(job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"], "q");
        assert_eq!((&job["spec"]["completions"], &job["spec"]["parallelism"]), (&json!(1), &json!(1)));
        let pod = &job["spec"]["template"];
        assert_eq!(pod["metadata"]["annotations"][AMONG], "0");
        assert_eq!(pod["spec"]["activeDeadlineSeconds"], 900);
        let container = &pod["spec"]["containers"][0];
        assert_eq!(container["resources"]["limits"], json!({"memory": "1280Mi", "cpu": "1"}));
        assert_eq!(container["resources"]["limits"], container["resources"]["requests"]);
        assert_eq!(container["workingDir"], "/work");
        assert_eq!(jobs[1]["spec"]["template"]["metadata"]["annotations"][AMONG], "1");
    }
}
