//! The doors of the reads, and what the model says that each answers.

use masthead_domain::{
    account::Account,
    answer::Completeness,
    email::{EmailFragment, EmailKey},
    join::AccountPair,
    metadata::MetadataPair,
    order::Order,
    query::{CountMode, EmailFilter, NamePrefix, OnProviderFailure, Position, Total, UserFilter, UserQuery},
};
use masthead_orchestrator::{ExportRequest, ExportedUser, LookupRequest, ReadError, SearchRequest};
use masthead_ports::bulk::LookupKey;

use crate::{
    model,
    world::{Reads, Sides, Synchronised, crid},
};

pub(crate) const ADDRESSES: [&str; 3] = ["e@example.com", "f@example.com", "g@example.org"];

/// One way to ask for users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    ById(usize),
    ByIdFilter(usize),
    ByEmail(usize),
    /// A list by one of [`filters`].
    List(usize, Synchronised),
    ExportId(usize, Synchronised),
    ExportEmail(usize, Synchronised),
    ExportNumber(i64, Synchronised),
    ProviderById(usize),
    ProviderList(usize),
}

/// Conditions on every kind of field, alone and together.
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

/// What a door answers; accounts in the order of their ids.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Users(Vec<Account>),
    Unresolved,
}

impl Door {
    /// Whether it asks by a whole key, so that a registration may be written afterwards.
    pub(crate) const fn may_write(self) -> bool {
        !matches!(self, Self::List(..) | Self::ProviderById(_) | Self::ProviderList(_))
    }

    /// What the directory has when it is asked.
    pub(crate) const fn synchronised(self) -> Synchronised {
        match self {
            Self::List(_, synchronised)
            | Self::ExportId(_, synchronised)
            | Self::ExportEmail(_, synchronised)
            | Self::ExportNumber(_, synchronised) => synchronised,
            _ => Synchronised::Never,
        }
    }

    /// What the model says.
    pub(crate) fn expected(self, sides: &Sides) -> Answer {
        let (theirs, ours) = (sides.theirs(), sides.ours());
        let users = model::users(&theirs, &ours);
        let of = |is_meant: &dyn Fn(&AccountPair, &Account) -> bool| {
            let merged = users.iter().map(|user| (user, model::merged(user, &sides.tenant)));
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
            Self::ById(id) | Self::ByIdFilter(id) | Self::ExportId(id, _) => Answer::of(has_id(id)),
            Self::ByEmail(at) => Answer::of(has_address(at)),
            Self::List(at, _) => Answer::of(by_filter(of(&|_, _| true), at)),
            Self::ExportEmail(at, _) => match has_address(at) {
                several if several.len() > 1 => Answer::Unresolved,
                users => Answer::of(users),
            },
            Self::ExportNumber(number, _) => Answer::of(of(&|user, _| {
                user.store
                    .as_ref()
                    .is_some_and(|own| own.registration_id == Some(number))
            })),
            Self::ProviderById(id) => Answer::of(theirs.into_iter().filter(|own| own.crid == crid(id)).collect()),
            Self::ProviderList(at) => Answer::of(by_filter(theirs, at)),
        }
    }

    /// What it answers; the answer must be complete.
    pub(crate) async fn ask(self, reads: &Reads) -> Answer {
        let Reads { users, export, caller } = reads;
        let degrade = OnProviderFailure::Degrade;
        let exported = |key: LookupKey| ExportRequest {
            keys: vec![Some(key)],
            network: None,
        };
        let key = |at: usize| EmailKey::from_text(ADDRESSES[at]);
        let searched = match self {
            Self::ById(id) => {
                let request = LookupRequest {
                    crid: crid(id),
                    ignore_provider: false,
                    on_provider_failure: degrade,
                };
                return one(users.by_id(caller, &request).await);
            }
            Self::ProviderById(id) => return one(users.by_id_at_provider(caller, &crid(id), degrade).await),
            Self::ByIdFilter(id) => {
                let filter = UserFilter {
                    crids: vec![crid(id)],
                    ..UserFilter::default()
                };
                users.search(caller, &list(filter)).await
            }
            Self::ByEmail(at) => {
                let filter = UserFilter {
                    emails: vec![EmailFilter::Exact(key(at))],
                    ..UserFilter::default()
                };
                users.search(caller, &list(filter)).await
            }
            Self::List(at, _) => users.search(caller, &list_request(at)).await,
            Self::ProviderList(at) => {
                let query = all_of(filters()[at].clone());
                users.search_at_provider(caller, &query, degrade).await
            }
            Self::ExportId(..) | Self::ExportEmail(..) | Self::ExportNumber(..) => {
                let key = match self {
                    Self::ExportId(id, _) => LookupKey::Id(crid(id)),
                    Self::ExportEmail(at, _) => LookupKey::Email(key(at)),
                    Self::ExportNumber(number, _) => LookupKey::Registration(number),
                    _ => unreachable!("the other doors are above"),
                };
                let mut outcomes = export.export(caller, &exported(key)).await.outcomes;
                return match outcomes.pop() {
                    Some(ExportedUser::User(user)) => Answer::of(vec![*user]),
                    Some(ExportedUser::Absent) => Answer::of(Vec::new()),
                    Some(ExportedUser::Unresolved) | None => Answer::Unresolved,
                };
            }
        };
        let answer = searched.unwrap();
        is_complete(answer.completeness.as_ref());
        assert_eq!(answer.total, Some(Total::Exact(answer.users.len() as u64)), "{self:?}");
        Answer::of(answer.users.into_iter().map(|user| user.account).collect())
    }
}

impl Answer {
    fn of(mut users: Vec<Account>) -> Self {
        users.sort_by(|a, b| a.crid.cmp(&b.crid));
        Self::Users(users)
    }
}

fn one(answer: Result<masthead_domain::answer::UserAnswer, ReadError>) -> Answer {
    let (user, completeness) = match answer {
        Ok(answer) => (Some(answer.user.account), answer.completeness),
        Err(ReadError::NoSuchUser { completeness }) => (None, completeness),
        Err(error) => unreachable!("both sides answer: {error}"),
    };
    is_complete(completeness.as_ref());
    Answer::of(Vec::from_iter(user))
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
        ignore_provider: false,
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
