//! The read paths, and the answer of the model to each.

use masthead_domain::{
    account::Account,
    answer::Completeness,
    email::{EmailFragment, EmailKey},
    flow::{Sources, UserProvider},
    join::AccountPair,
    metadata::MetadataPair,
    order::Order,
    query::{CountMode, EmailFilter, NamePrefix, OnProviderFailure, Position, Total, UserFilter, UserQuery},
    user_key::UserKey,
};
use masthead_orchestrator::{ExportRequest, ExportedUser, LookupRequest, ReadError, SearchRequest};
use masthead_ports::bulk::LookupKey;

use crate::{
    fixture::{JoinFixture, JoinReads, MirrorContent, crid},
    model,
};

pub(crate) const ADDRESSES: [&str; 3] = ["e@example.com", "f@example.com", "g@example.org"];

/// One way to read users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadPath {
    ById(usize),
    ByIdFilter(usize),
    ByEmail(usize),
    /// A list by one of [`filters`].
    List(usize, MirrorContent),
    ExportId(usize, MirrorContent),
    ExportEmail(usize, MirrorContent),
    ExportNumber(i64, MirrorContent),
    ProviderById(usize),
    ProviderList(usize),
}

/// Conditions on every kind of field, alone and combined.
pub(crate) fn filters() -> Vec<UserFilter> {
    let name = |text| Some(NamePrefix::from_text(text));
    let club = || vec![MetadataPair::new("club", "gold")];
    let part = |text: &str| vec![EmailFilter::Contains(EmailFragment::from_text(text))];
    let none = UserFilter::default;
    vec![
        none(),
        UserFilter {
            first_name: name("ann"),
            ..none()
        },
        UserFilter {
            last_name: name("lee"),
            ..none()
        },
        UserFilter {
            first_name: name("ann"),
            last_name: name("lee"),
            ..none()
        },
        UserFilter {
            metadata: club(),
            ..none()
        },
        UserFilter {
            metadata: club(),
            first_name: name("bob"),
            ..none()
        },
        UserFilter {
            emails: part("example.com"),
            ..none()
        },
        UserFilter {
            emails: part("f@e"),
            first_name: name("ann"),
            metadata: club(),
            ..none()
        },
    ]
}

/// The answer of a path; accounts in the order of their ids.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReadAnswer {
    Users(Vec<Account>),
    Unresolved,
}

impl ReadPath {
    /// Whether it is a lookup by key, so that a registration may be written.
    pub(crate) const fn may_write(self) -> bool {
        !matches!(self, Self::List(..) | Self::ProviderById(_) | Self::ProviderList(_))
    }

    /// The content of the mirror.
    pub(crate) const fn mirror_content(self) -> MirrorContent {
        match self {
            Self::List(_, mirror_content)
            | Self::ExportId(_, mirror_content)
            | Self::ExportEmail(_, mirror_content)
            | Self::ExportNumber(_, mirror_content) => mirror_content,
            _ => MirrorContent::Never,
        }
    }

    /// The answer of the model.
    pub(crate) fn expected(self, fixture: &JoinFixture) -> ReadAnswer {
        let (provider, store) = (fixture.provider_accounts(), fixture.registrations());
        let users = model::users(&provider, &store);
        let of = |is_meant: &dyn Fn(&AccountPair, &Account) -> bool| {
            let merged = users.iter().map(|user| (user, model::merged(user, &fixture.tenant)));
            merged
                .filter(|(user, merged)| is_meant(user, merged))
                .map(|(_, merged)| merged)
                .collect::<Vec<_>>()
        };
        let has_id = |id: usize| of(&|user, _| accounts(user).any(|account| account.crid == crid(id)));
        let has_address = |at: usize| of(&|_, merged| is_at(merged, at));
        let by_filter = |users: Vec<Account>, at: usize| {
            let filter = &filters()[at];
            users.into_iter().filter(|user| filter.matches(user)).collect()
        };
        match self {
            Self::ById(id) | Self::ByIdFilter(id) | Self::ExportId(id, _) => ReadAnswer::new(has_id(id)),
            Self::ByEmail(at) => ReadAnswer::new(has_address(at)),
            Self::List(at, _) => ReadAnswer::new(by_filter(of(&|_, _| true), at)),
            Self::ExportEmail(at, _) => match has_address(at) {
                several if several.len() > 1 => ReadAnswer::Unresolved,
                users => ReadAnswer::new(users),
            },
            Self::ExportNumber(number, _) => ReadAnswer::new(of(&|user, _| {
                user.store
                    .as_ref()
                    .is_some_and(|own| own.registration_id == Some(number))
            })),
            Self::ProviderById(id) => {
                ReadAnswer::new(provider.into_iter().filter(|own| own.crid == crid(id)).collect())
            }
            Self::ProviderList(at) => ReadAnswer::new(by_filter(provider, at)),
        }
    }

    /// Reads the users; the answer must be complete.
    pub(crate) async fn read(self, reads: &JoinReads) -> ReadAnswer {
        let JoinReads { use_cases, caller } = reads;
        let degrade = OnProviderFailure::Degrade;
        let exported = |key: LookupKey| ExportRequest { keys: vec![Some(key)] };
        let key = |at: usize| EmailKey::from_text(ADDRESSES[at]);
        let searched = match self {
            Self::ById(id) => {
                let request = LookupRequest {
                    crid: crid(id),
                    sources: Sources::ProviderAndStore(UserProvider::from_name("Auth0").unwrap()),
                    on_provider_failure: degrade,
                };
                return one(use_cases.lookup_user.find(caller, &request).await);
            }
            Self::ProviderById(id) => return one(use_cases.search_provider.find(caller, &crid(id), degrade).await),
            Self::ByIdFilter(id) => {
                let filter = UserFilter {
                    crids: vec![crid(id)],
                    ..UserFilter::default()
                };
                use_cases.list_users.search(caller, &list(filter)).await
            }
            Self::ByEmail(at) => {
                let filter = UserFilter {
                    emails: vec![EmailFilter::Exact(key(at))],
                    ..UserFilter::default()
                };
                use_cases.list_users.search(caller, &list(filter)).await
            }
            Self::List(at, _) => use_cases.list_users.search(caller, &list_request(at)).await,
            Self::ProviderList(at) => {
                let query = all_of(filters()[at].clone());
                use_cases.search_provider.search(caller, &query, degrade).await
            }
            Self::ExportId(..) | Self::ExportEmail(..) | Self::ExportNumber(..) => {
                let key = match self {
                    Self::ExportId(id, _) => LookupKey::User(UserKey::Id(crid(id))),
                    Self::ExportEmail(at, _) => LookupKey::User(UserKey::Email(key(at))),
                    Self::ExportNumber(number, _) => LookupKey::Registration(number),
                    _ => unreachable!("other paths are matched above"),
                };
                let mut outcomes = use_cases
                    .export_users
                    .export(caller, &exported(key))
                    .await
                    .unwrap()
                    .outcomes;
                return match outcomes.pop() {
                    Some(ExportedUser::User(user)) => ReadAnswer::new(vec![*user]),
                    Some(ExportedUser::Absent) => ReadAnswer::new(Vec::new()),
                    Some(ExportedUser::Unresolved) | None => ReadAnswer::Unresolved,
                };
            }
        };
        let answer = searched.unwrap();
        is_complete(answer.completeness.as_ref());
        assert_eq!(answer.total, Some(Total::Exact(answer.users.len() as u64)), "{self:?}");
        ReadAnswer::new(answer.users.into_iter().map(|user| user.account).collect())
    }
}

impl ReadAnswer {
    fn new(mut users: Vec<Account>) -> Self {
        users.sort_by(|a, b| a.crid.cmp(&b.crid));
        Self::Users(users)
    }
}

fn one(answer: Result<masthead_domain::answer::UserAnswer, ReadError>) -> ReadAnswer {
    let (user, completeness) = match answer {
        Ok(answer) => (Some(answer.user.account), answer.completeness),
        Err(ReadError::NoSuchUser { completeness }) => (None, completeness),
        Err(error) => unreachable!("both sources answer: {error}"),
    };
    is_complete(completeness.as_ref());
    ReadAnswer::new(Vec::from_iter(user))
}

fn is_complete(completeness: Option<&Completeness>) {
    assert!(completeness.unwrap().complete, "{completeness:?}");
}

/// The list by one of [`filters`].
pub(crate) fn list_request(at: usize) -> SearchRequest {
    list(filters()[at].clone())
}

fn list(filter: UserFilter) -> SearchRequest {
    SearchRequest {
        query: all_of(filter),
        sources: Sources::ProviderAndStore(UserProvider::from_name("Auth0").unwrap()),
        on_provider_failure: OnProviderFailure::Degrade,
    }
}

fn all_of(filter: UserFilter) -> UserQuery {
    UserQuery {
        filter,
        order: Order::default(),
        position: Position::Offset(0),
        size: 100,
        count: CountMode::Exact,
    }
}

pub(crate) fn accounts(user: &AccountPair) -> impl Iterator<Item = &Account> {
    [&user.provider, &user.store].into_iter().flatten()
}

fn is_at(account: &Account, at: usize) -> bool {
    account
        .email
        .as_ref()
        .is_some_and(|email| *email.key() == EmailKey::from_text(ADDRESSES[at]))
}
