//! health

use crate::service::Service;

#[tokio::test]
async fn a_service_over_a_migrated_database_is_ready() {
    let service = Service::start().await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(service.client.get(path).send().await.is(200).json()["status"], "ok");
    }
}
