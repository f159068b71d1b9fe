//! A described provider as a writer of accounts. After each write the user is read back by its id.

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, user_key::UserKey,
};
use masthead_ports::{
    accounts::{Ability, AccountChange, AccountWriter, NewAccount, UserFacingMessage, WriteError},
    passwords::PlainPassword,
    source::{CallContext, SourceError, SourceErrorKind, SourceName, UserSource as _},
};
use masthead_provider_kit::{
    HttpReply, ProviderCall,
    writes::{found_after_write, not_written, outcome_unknown},
};
use serde_json::Value;

use crate::{
    adapter::GenericAdapter, answer_error::GenericAnswerError, api::GenericApi, envelope::OpenedEnvelope,
    settings::DescribedWrite, template::TemplateValues,
};

const CREATE: &str = "create";
const UPDATE: &str = "update";
const SET_PASSWORD: &str = "set_password";
const SET_EMAIL: &str = "set_email";
const DELETE: &str = "delete";

#[async_trait]
impl AccountWriter for GenericAdapter {
    fn name(&self) -> SourceName {
        self.preset.name
    }

    /// The described look-ups: whether they see a write at once is up to the provider.
    async fn find_written(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError> {
        self.find(cx, key).await
    }

    async fn create(&self, cx: &CallContext, new: &NewAccount) -> Result<Account, WriteError> {
        let api = self.api_of(&cx.tenant, CREATE)?;
        let call = api.write_call(Ability::Create, CREATE)?;
        let values = TemplateValues {
            id: new.id.as_ref().map(CustomerRegistrationId::as_str),
            email: Some(new.email.as_str()),
            first_name: Some(&*new.first_name).filter(|name| !name.is_empty()),
            last_name: Some(&*new.last_name).filter(|name| !name.is_empty()),
            password: new.password.as_ref().map(PlainPassword::expose),
            ..TemplateValues::default()
        };
        let user = api.settings.map.new_user(new);
        let Some(body) = api.write(cx, CREATE, call, &values, user).await? else {
            // The call names no user that could be absent: its path is wrong.
            return Err(SourceError::new(CREATE, SourceErrorKind::Misconfigured).into());
        };
        let read = async {
            match api.id_in(&body) {
                Some(id) => api.account(cx, &id).await,
                None => Ok(api.accounts_with(cx, new.email.key()).await?.pop()),
            }
        };
        let made = read.await.map_err(|error| outcome_unknown(CREATE, error))?;
        let is_it = |account: &Account| {
            let email = account.email.as_ref().map(Email::key);
            email == Some(new.email.key()) && new.id.as_ref().is_none_or(|id| account.crid == *id)
        };
        made.filter(is_it)
            .ok_or_else(|| outcome_unknown(CREATE, GenericAnswerError::OtherUser))
    }

    async fn update(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        change: &AccountChange,
    ) -> Result<Account, WriteError> {
        let api = self.api_of(&cx.tenant, UPDATE)?;
        let call = api.write_call(Ability::Update, UPDATE)?;
        let values = TemplateValues {
            id: Some(id.as_str()),
            first_name: change.first_name.as_deref(),
            last_name: change.last_name.as_deref(),
            ..TemplateValues::default()
        };
        let user = api.settings.map.changed_user(change);
        let changes_names = values.first_name.is_some() || values.last_name.is_some();
        let is_empty = user.as_object().is_some_and(serde_json::Map::is_empty);
        if (changes_names && call.user.is_none()) || (!is_empty && call.user.is_some()) {
            let written = api.write(cx, UPDATE, call, &values, user).await?;
            written.ok_or(WriteError::NoSuchUser)?;
        }
        api.read_back(cx, UPDATE, id).await
    }

    async fn set_password(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        password: &PlainPassword,
    ) -> Result<(), WriteError> {
        let api = self.api_of(&cx.tenant, SET_PASSWORD)?;
        let call = api.write_call(Ability::SetPassword, SET_PASSWORD)?;
        let values = TemplateValues {
            id: Some(id.as_str()),
            password: Some(password.expose()),
            ..TemplateValues::default()
        };
        let written = api.write(cx, SET_PASSWORD, call, &values, Value::Null).await?;
        written.map(drop).ok_or(WriteError::NoSuchUser)
    }

    async fn set_email(
        &self,
        cx: &CallContext,
        id: &CustomerRegistrationId,
        email: &Email,
        verified: bool,
    ) -> Result<Account, WriteError> {
        let api = self.api_of(&cx.tenant, SET_EMAIL)?;
        let call = api.write_call(Ability::SetEmail, SET_EMAIL)?;
        let values = TemplateValues {
            id: Some(id.as_str()),
            email: Some(email.as_str()),
            ..TemplateValues::default()
        };
        let user = api.settings.map.user_with_address(email, verified);
        let written = api.write(cx, SET_EMAIL, call, &values, user).await?;
        written.ok_or(WriteError::NoSuchUser)?;
        api.read_back(cx, SET_EMAIL, id).await
    }

    async fn delete(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<(), WriteError> {
        let api = self.api_of(&cx.tenant, DELETE)?;
        let call = api.write_call(Ability::Delete, DELETE)?;
        let values = TemplateValues {
            id: Some(id.as_str()),
            ..TemplateValues::default()
        };
        api.write(cx, DELETE, call, &values, Value::Null).await.map(drop)
    }
}

/// The reply to a write.
enum WriteReply {
    Done(Value),
    Absent,
    Taken,
    Rejected(Option<UserFacingMessage>),
}

impl GenericApi {
    pub(crate) fn write_call(&self, ability: Ability, name: &'static str) -> Result<&DescribedWrite, SourceError> {
        let none = || SourceError::new(name, SourceErrorKind::Misconfigured);
        self.settings.writes.call(ability).ok_or_else(none)
    }

    /// Makes a write, with the user in its body where it has a place for it, and returns the answer; `None` when the
    /// provider reports that there is no such user.
    async fn write(
        &self,
        cx: &CallContext,
        name: &'static str,
        call: &DescribedWrite,
        values: &TemplateValues<'_>,
        user: Value,
    ) -> Result<Option<Value>, WriteError> {
        let object = call.user.as_ref().map(|place| (place, user));
        let request = self.request(name, &call.operation, values, Vec::new(), object)?;
        let write = ProviderCall::write(name, cx);
        match self.call(write, &request, |reply| self.read_write(reply)).await {
            Ok(WriteReply::Done(body)) => Ok(Some(body)),
            Ok(WriteReply::Absent) => Ok(None),
            Ok(WriteReply::Taken) => Err(WriteError::AlreadyExists),
            Ok(WriteReply::Rejected(message)) => Err(WriteError::Refused { message }),
            Err(error) => Err(not_written(error)),
        }
    }

    fn read_write(&self, reply: &HttpReply) -> Result<WriteReply, GenericAnswerError> {
        let writes = &self.settings.writes;
        let codes = self.settings.envelope.codes(reply);
        let is_among = |listed: &[Box<str>]| codes.iter().any(|code| listed.iter().any(|known| **known == **code));
        if is_among(&writes.taken) {
            return Ok(WriteReply::Taken);
        }
        if is_among(&writes.rejected) {
            let body: Value = reply.json().unwrap_or_default();
            let text = writes.message.iter().find_map(|place| place.find(&body)?.as_str());
            return Ok(WriteReply::Rejected(text.and_then(UserFacingMessage::new)));
        }
        Ok(match self.settings.envelope.open_write(reply, self.clock.now())? {
            OpenedEnvelope::Answer(body) => WriteReply::Done(body),
            OpenedEnvelope::Absent => WriteReply::Absent,
        })
    }

    /// The id of the user in an answer, if there is one.
    pub(crate) fn id_in(&self, body: &Value) -> Option<CustomerRegistrationId> {
        self.settings.map.id(self.settings.user.find(body)?).ok()
    }

    /// The account after a successful write.
    async fn read_back(
        &self,
        cx: &CallContext,
        name: &'static str,
        id: &CustomerRegistrationId,
    ) -> Result<Account, WriteError> {
        found_after_write(name, self.account(cx, id).await)
    }
}
