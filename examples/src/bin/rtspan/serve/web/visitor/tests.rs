use hyper::header::HeaderName;

use super::*;
use crate::serve::Account;

fn accounts() -> Accounts {
    let rights = vec![(Action::Read, "/door".to_owned())];
    let account = |name: &str, proof| Account { name: name.to_owned(), proof, rights: rights.clone() };
    let viewer = account("viewer", Proof::Password("p:s w".to_owned()));
    let wall = account("wall", Proof::Token("0123456789abcdef".to_owned()));
    Accounts { users: Some(vec![viewer, wall]), anyone: vec![(Action::Read, "/lobby".to_owned())] }
}

fn visitor(accounts: &Accounts, headers: &[(HeaderName, &str)]) -> Result<Visitor, Refused> {
    let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().expect("a header")));
    Visitor::of(&HeaderMap::from_iter(headers), accounts)
}

#[test]
fn a_list_has_what_the_user_may_read_and_what_anyone_may() {
    let (host, accounts) = ((HOST, "127.0.0.1:8080"), accounts());
    let anyone = visitor(&accounts, std::slice::from_ref(&host)).unwrap();
    assert!(anyone.may_read("/lobby") && !anyone.may_read("/door"));
    let viewer = visitor(&accounts, &[host.clone(), (AUTHORIZATION, "Rtspan viewer:p%3As%20w")]).unwrap();
    assert_eq!(viewer.name(), Some("viewer"));
    assert!(viewer.may_read("/lobby") && viewer.may_read("/door") && !viewer.may_read("/vault"));
    let wall = visitor(&accounts, &[host.clone(), (AUTHORIZATION, "Bearer 0123456789abcdef")]).unwrap();
    assert_eq!(wall.name(), Some("wall"));
    assert!(wall.may_read("/lobby") && wall.may_read("/door") && !wall.may_read("/vault"));
    let all = visitor(&Accounts::default(), &[host]).unwrap();
    assert!(all.may_read("/vault"), "there are no users");
}

#[test]
fn wrong_credentials_are_refused() {
    for wrong in [
        "Rtspan viewer:other",
        "Rtspan other:p%3As%20w",
        "Rtspan viewer:",
        "Rtspan wall:0123456789abcdef",
        "Rtspan :",
        "Bearer 0123456789abcde",
        "Bearer p:s w",
    ] {
        let refused = visitor(&accounts(), &[(HOST, "localhost"), (AUTHORIZATION, wrong)]).unwrap_err();
        assert!(matches!(refused, Refused::Wrong(_)), "{refused:?}");
        assert_eq!(refused.response().status(), StatusCode::FORBIDDEN);
    }
}

#[test]
fn a_name_that_may_be_another_sites_gives_nobody_the_rights_of_anyone() {
    let host = (HOST, "site.example:8080");
    let anyone = visitor(&accounts(), std::slice::from_ref(&host)).unwrap();
    assert!(!anyone.may_read("/lobby"));
    let viewer = visitor(&accounts(), &[host.clone(), (AUTHORIZATION, "Rtspan viewer:p%3As%20w")]).unwrap();
    assert!(viewer.may_read("/lobby"));
    let refused = visitor(&Accounts::default(), &[host]).unwrap_err();
    assert!(matches!(refused, Refused::Stranger("host", _)), "{refused:?}");
}

#[test]
fn pages_of_other_sites_are_refused() {
    let host = (HOST, "127.0.0.1:8080");
    for (origin, is_own) in [("http://127.0.0.1:8080", true), ("http://127.0.0.1:81", false), ("null", false)]
    {
        let visitor = visitor(&accounts(), &[host.clone(), (ORIGIN, origin)]);
        assert_eq!(visitor.is_ok(), is_own, "{origin}");
    }
}
