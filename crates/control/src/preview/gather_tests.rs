//! Looks that come together, under a paused clock.

use std::sync::Mutex;

use serde_json::json;

use super::*;

#[derive(Debug, Default)]
struct Counted(Mutex<Vec<usize>>);

#[async_trait]
impl Services for Counted {
    async fn describe_services(&self, _cluster: &str, names: &[String]) -> Result<Vec<Service>, Error> {
        self.0.lock().unwrap().push(names.len());
        if names.contains(&"broken".to_owned()) {
            return Err(Error::new(Kind::Throttled, "too many calls"));
        }
        Ok(names.iter().map(|name| Service::read(json!({"serviceName": name})).unwrap()).collect())
    }
    async fn list_services(&self, _: &str) -> Result<Vec<String>, Error> {
        unreachable!();
    }
    async fn create_service(&self, _: &Map<String, Value>) -> Result<Service, Error> {
        unreachable!();
    }
    async fn update_service(&self, _: &Map<String, Value>) -> Result<Service, Error> {
        unreachable!();
    }
    async fn delete_service(&self, _: &str, _: &str) -> Result<Service, Error> {
        unreachable!();
    }
    async fn past_deployments(&self, _: &str, _: &str) -> Result<Vec<PastDeployment>, Error> {
        unreachable!();
    }
    async fn revisions(&self, _: &[String]) -> Result<BTreeMap<String, String>, Error> {
        unreachable!();
    }
    async fn tag(&self, _: &str, _: &[Tag]) -> Result<(), Error> {
        unreachable!();
    }
    async fn untag(&self, _: &str, _: &[String]) -> Result<(), Error> {
        unreachable!();
    }
    async fn register(&self, _: &Map<String, Value>) -> Result<TaskDefinition, Error> {
        unreachable!();
    }
    async fn task_definition(&self, _: &str) -> Result<Option<Value>, Error> {
        unreachable!();
    }
    async fn active_revisions(&self, _: &str) -> Result<Vec<String>, Error> {
        unreachable!();
    }
    async fn families(&self) -> Result<Vec<String>, Error> {
        unreachable!();
    }
    async fn list_clusters(&self) -> Result<Vec<String>, Error> {
        unreachable!();
    }
    async fn describe_clusters(&self, _: &[String]) -> Result<Vec<Cluster>, Error> {
        unreachable!();
    }
    async fn deregister(&self, _: &str) -> Result<(), Error> {
        unreachable!();
    }
}

#[tokio::test(start_paused = true)]
async fn looks_of_many_are_few_calls_and_each_gets_its_own() {
    let calls = Arc::new(Counted::default());
    let gathered = GatheredServices::new(Arc::clone(&calls) as _);
    let names: Vec<[String; 1]> = (0..25).map(|index| [format!("s{index}")]).collect();
    let looks = names.iter().map(|name| gathered.describe_services("c", name));
    for (name, seen) in names.iter().zip(futures_util::future::join_all(looks).await) {
        let seen: Vec<String> = seen.unwrap().into_iter().map(|service| service.name).collect();
        assert_eq!(seen, name);
    }
    assert_eq!(*calls.0.lock().unwrap(), [10, 10, 5]);
    assert_eq!(gathered.describe_services("c", &[]).await, Ok(Vec::new()));
    assert_eq!(calls.0.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_error_reaches_those_who_asked_and_nobody_else() {
    let gathered = GatheredServices::new(Arc::new(Counted::default()));
    let of = |name: &str| [name.to_owned()];
    let (broken, one, other) = (of("broken"), of("a"), of("b"));
    let (first, second, third) = futures_util::future::join3(
        gathered.describe_services("c", &broken),
        gathered.describe_services("c", &one),
        gathered.describe_services("d", &other),
    )
    .await;
    assert_eq!((first.unwrap_err().kind(), second.unwrap_err().kind()), (Kind::Throttled, Kind::Throttled));
    assert_eq!(third.unwrap().len(), 1);
}
