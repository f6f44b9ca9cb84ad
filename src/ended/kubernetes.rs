//! Pods as `kubectl get pods -o json` prints them, of Jobs and of Argo's workflows.

use serde_json::Value;

use super::{AMONG, Ended, PLAN_LABEL, SHARD, Which, shown};
use crate::triage::{Task, TaskEnd};

/// Where an Indexed Job says which pod this is: a label, and before Kubernetes 1.28 an annotation alone.
const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// Names of the container that runs the shard, here and in Argo's pods.
const CONTAINERS: [&str; 2] = ["shard", "main"];

/// Most places that an annotation may name.
const PLACES_MAX: usize = 1_000_000;

/// The pods of a list, or a single one; `None`: there are none.
pub(super) fn json(document: &Value) -> Option<Vec<Ended>> {
    let items = match document["items"].as_array() {
        Some(items) => items.iter().collect(),
        None => vec![document],
    };
    let is_pod = |item: &&Value| item["kind"] == "Pod" || document["kind"] == "PodList";
    let mut pods: Vec<&Value> = items.iter().copied().filter(is_pod).collect();
    // A list that is empty has no kind to go by.
    if pods.is_empty() && !(items.is_empty() && document["kind"] == "List") {
        return None;
    }
    // Several of one shard: the last one created is the last one told.
    pods.sort_by_key(|pod| pod["metadata"]["creationTimestamp"].as_str().unwrap_or_default());
    Some(pods.into_iter().filter_map(ended).collect())
}

fn ended(pod: &Value) -> Option<Ended> {
    let metadata = &pod["metadata"];
    let name = metadata["name"].as_str()?;
    let (labels, annotations) = (&metadata["labels"], &metadata["annotations"]);
    let which = match annotations[SHARD].as_str() {
        Some(shard) => Which::Shard(shard.to_owned()),
        None => {
            let index = labels[INDEX].as_str().or_else(|| annotations[INDEX].as_str())?;
            Which::Place(place(annotations[AMONG].as_str()?, index.parse().ok()?)?)
        }
    };
    let status = &pod["status"];
    let terminated = terminated(status);
    let end = end(status, terminated);
    let exit = terminated["exitCode"].as_i64().and_then(|code| i32::try_from(code).ok());
    // What the node or the cluster ended has a code that is nobody's.
    let own = matches!(end, Some(TaskEnd::Passed | TaskEnd::Failed | TaskEnd::OutOfMemory));
    let exit = exit.filter(|_| own).or((end == Some(TaskEnd::Passed)).then_some(0));
    let said = said(name, status, terminated);
    Some(Ended {
        name: name.to_owned(),
        token: labels[PLAN_LABEL].as_str().map(str::to_owned),
        which,
        task: end.map(|end| Task { end, said }),
        exit,
        signal: None,
    })
}

/// The place at `index` of a list such as `0,3,5-7`.
fn place(among: &str, index: usize) -> Option<usize> {
    let mut left = index;
    for part in among.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        let count = last.checked_sub(first)?.checked_add(1).filter(|_| last < PLACES_MAX)?;
        match left.checked_sub(count) {
            None => return Some(first + left),
            Some(rest) => left = rest,
        }
    }
    None
}

/// How the shard's container ended; nothing where it did not.
fn terminated(status: &Value) -> &Value {
    let mut containers = status["containerStatuses"].as_array().into_iter().flatten();
    let ours = containers.find(|one| one["name"].as_str().is_some_and(|name| CONTAINERS.contains(&name)));
    let Some(ours) = ours else { return &Value::Null };
    match &ours["state"]["terminated"] {
        Value::Null => &ours["lastState"]["terminated"],
        terminated => terminated,
    }
}

fn end(status: &Value, terminated: &Value) -> Option<TaskEnd> {
    let reason = status["reason"].as_str().unwrap_or_default();
    match status["phase"].as_str() {
        Some("Succeeded") => return Some(TaskEnd::Passed),
        Some("Failed") => {}
        _ => return None,
    }
    // First what happened to the pod: the container's end is no more than its consequence.
    let low = |what: &str| status["message"].as_str().unwrap_or_default().contains(what);
    Some(match (reason, disruption(status)) {
        ("Evicted", _) if low("low on resource: memory") => TaskEnd::NodeShort,
        ("Evicted", _) if low("ephemeral") || low("disk") || low("inodes") => TaskEnd::DiskShort,
        ("Evicted" | "Preempting", _) => TaskEnd::Preempted,
        ("DeadlineExceeded", _) => TaskEnd::TimedOut,
        ("NodeLost" | "NodeShutdown" | "Shutdown" | "Terminated", _) => TaskEnd::NodeLost,
        ("UnexpectedAdmissionError" | "NodeAffinity", _) => TaskEnd::NeverBegan,
        (reason, _) if reason.starts_with("OutOf") => TaskEnd::NeverBegan,
        _ if terminated["reason"] == "OOMKilled" => TaskEnd::OutOfMemory,
        (_, Some("PreemptionByScheduler" | "EvictionByEvictionAPI")) => TaskEnd::Preempted,
        (_, Some(_)) => TaskEnd::NodeLost,
        _ => match terminated["reason"].as_str() {
            Some("ContainerCannotRun" | "StartError") => TaskEnd::NeverBegan,
            _ => TaskEnd::Failed,
        },
    })
}

/// Why the pod was to make room, where it was.
fn disruption(status: &Value) -> Option<&str> {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    let found = conditions.find(|one| one["type"] == "DisruptionTarget" && one["status"] == "True")?;
    Some(found["reason"].as_str().unwrap_or_default())
}

/// What the cluster says, word for word.
fn said(name: &str, status: &Value, terminated: &Value) -> String {
    let words = |value: &Value| value.as_str().filter(|word| !word.is_empty()).map(shown);
    let mut said = format!("Kubernetes calls pod {} ", shown(name));
    said += &words(&status["phase"]).unwrap_or_else(|| "nothing".to_owned());
    if let Some(reason) = words(&status["reason"]) {
        said += &format!(", {reason}");
    }
    if let Some(reason) = disruption(status) {
        said += &format!(", DisruptionTarget by {}", shown(reason));
    }
    if let Some(reason) = words(&terminated["reason"]) {
        said += &format!(", its container {reason}");
    }
    if let Some(code) = terminated["exitCode"].as_i64() {
        said += &format!(" with exit code {code}");
    }
    if let Some(message) = words(&status["message"]) {
        said += &format!(": `{message}`");
    }
    said
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_counted_through_ranges() {
        for (among, index, expect) in [
            ("0,3,5-7", 0, Some(0)),
            ("0,3,5-7", 1, Some(3)),
            ("0,3,5-7", 4, Some(7)),
            ("0,3,5-7", 5, None),
            ("7-5", 0, None),
            ("0-18446744073709551615", 3, None),
            ("x", 0, None),
            ("", 0, None),
        ] {
            assert_eq!(place(among, index), expect, "{among} {index}");
        }
    }

    #[test]
    fn what_happened_to_the_pod_comes_before_its_container() {
        let check = |status: Value, expect: Option<TaskEnd>| {
            assert_eq!(end(&status, terminated(&status)), expect, "{status}");
        };
        let container = |name: &str, reason: &str| json!([{"name": name, "state": {"terminated": {"reason": reason, "exitCode": 137}}}]);
        let failed = |containers: Value| json!({"phase": "Failed", "containerStatuses": containers});
        check(failed(container("shard", "OOMKilled")), Some(TaskEnd::OutOfMemory));
        check(failed(container("main", "OOMKilled")), Some(TaskEnd::OutOfMemory));
        // Of what stands beside it nothing is said of the shard.
        check(failed(container("wait", "OOMKilled")), Some(TaskEnd::Failed));
        check(failed(container("shard", "StartError")), Some(TaskEnd::NeverBegan));
        check(json!({"phase": "Failed", "reason": "OutOfmemory"}), Some(TaskEnd::NeverBegan));
        check(
            json!({"phase": "Failed", "reason": "Evicted", "message": "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi."}),
            Some(TaskEnd::DiskShort),
        );
        let lost = json!({"phase": "Failed", "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}]});
        check(lost, Some(TaskEnd::NodeLost));
        check(json!({"phase": "Pending"}), None);
        check(json!({}), None);
    }

    #[test]
    fn the_pods_of_a_workflow_name_their_shard() {
        let pod = json!({"kind": "Pod", "metadata": {"name": "w-1", "labels": {PLAN_LABEL: "0000000a"}, "annotations": {SHARD: "unit-1"}},
            "status": {"phase": "Failed", "containerStatuses": [{"name": "main", "state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]}});
        let ended = json(&pod).unwrap();
        assert_eq!(ended[0].which, Which::Shard("unit-1".to_owned()));
        assert_eq!(
            ended[0].task.as_ref().unwrap().said,
            "Kubernetes calls pod w-1 Failed, its container OOMKilled with exit code 137"
        );
    }
}
