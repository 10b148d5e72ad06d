//! Functions in `public` with the names of PostgreSQL's own, and types that fit better, are not called.

use crate::fixture::ServiceFixture;

#[tokio::test]
async fn functions_of_public_with_better_signatures_are_not_called() {
    let fixture = ServiceFixture::start().await;
    fixture.sql(
        "CREATE TABLE public.loot (who text); GRANT INSERT ON public.loot TO PUBLIC; GRANT USAGE ON SCHEMA public TO PUBLIC;
         CREATE FUNCTION public.planted() RETURNS json LANGUAGE plpgsql AS
             'BEGIN INSERT INTO public.loot SELECT current_user; RETURN ''\"1999-01-01\"''; END';
         CREATE FUNCTION public.to_json(date) RETURNS json LANGUAGE sql AS 'SELECT public.planted()';
         CREATE FUNCTION public.to_json(timestamp) RETURNS json LANGUAGE sql AS 'SELECT public.planted()';
         CREATE FUNCTION public.to_json(timestamptz) RETURNS json LANGUAGE sql AS 'SELECT public.planted()';
         CREATE FUNCTION public.coalesced(bigint, integer) RETURNS bigint LANGUAGE sql AS 'SELECT public.planted(); SELECT 1::bigint';
         CREATE OPERATOR public.+ (LEFTARG = bigint, RIGHTARG = integer, FUNCTION = public.coalesced)",
    )
    .await;
    let project = fixture.project().await;
    let phase = fixture.phases(&project).await[0]["id"].as_str().unwrap().to_owned();
    let response = fixture.get(&format!("/phases/{phase}/assignments")).send().await;
    assert_eq!(response.status, 200);
    assert!(!response.text().contains("1999-01-01"), "{}", response.text());
    for path in [
        format!("/projects/{project}/phases"),
        format!("/projects/{project}/timeline"),
        format!("/projects/{project}/history"),
        format!("/phases/{phase}"),
        format!("/phases/{phase}/history"),
    ] {
        assert_eq!(fixture.get(&path).send().await.status, 200, "{path}");
    }
    assert_eq!(fixture.number("SELECT count(*) FROM public.loot").await, 0);
}
