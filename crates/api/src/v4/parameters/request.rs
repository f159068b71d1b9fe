//! Turns checked v4 parameters into the requests of the use cases.

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    flow::Sources,
    order::Order,
    query::{DEFAULT_PAGE_SIZE, EmailFilter, Position, UserFilter, UserQuery},
    tenant::Tenant,
};
use masthead_orchestrator::{LookupRequest, SearchRequest};
use masthead_ports::sealing::Sealing;

use super::{
    conditions::{
        email_by_form, email_contains, email_equals, email_starts_with, empty, open_email, open_id, parse_path_id,
    },
    error::ParameterError,
    kind::MAX_SEALED_BYTES,
    table::{EmailMatchMode, V4Parameters},
};
use crate::v4::{
    cursor::{self, CursorScope},
    fields::FieldSelection,
    view::ViewOptions,
};

impl V4Parameters<'_> {
    /// The list that is requested, and its fields; `path_id` is the id in the path of a list of one user.
    pub(crate) fn into_search(
        self,
        path_id: Option<&str>,
        tenant: &Tenant,
        sealing: &dyn Sealing,
    ) -> Result<(SearchRequest, ViewOptions), ParameterError> {
        let options = self.view_options()?;
        let sources = self.sources(tenant);
        let on_provider_failure = self.on_provider_failure.unwrap_or_default();
        let order = Order {
            column: self.order_by.unwrap_or(Order::default().column),
            direction: self.order_by_type.unwrap_or_default(),
        };
        let size = self.page_size.unwrap_or(DEFAULT_PAGE_SIZE);
        let count = self.count.unwrap_or_default();
        let page_number = self.page_number;
        let cursor = self.cursor.as_deref().map(str::to_owned);
        let path_id = path_id.map(parse_path_id).transpose()?;
        let filter = self.into_filter(path_id, tenant, sealing)?;
        let position = match (cursor, page_number) {
            // Page 1 is the default: clients that always send it do not contradict the cursor.
            (Some(_), Some(2..)) => return Err(ParameterError::CursorAndPageNumber),
            (Some(cursor), _) => {
                let scope = CursorScope {
                    filter: &filter,
                    order,
                    sources,
                };
                let place = Some(cursor)
                    .filter(|cursor| cursor.len() <= MAX_SEALED_BYTES)
                    .and_then(|cursor| cursor::open(sealing, tenant, scope, &cursor));
                Position::After(place.ok_or(ParameterError::ForeignCursor)?)
            }
            (None, page_number) => {
                Position::Offset(u64::from(page_number.unwrap_or(1).saturating_sub(1)) * u64::from(size))
            }
        };
        let query = UserQuery {
            filter,
            order,
            position,
            size,
            count,
        };
        let request = SearchRequest {
            query,
            sources,
            on_provider_failure,
        };
        Ok((request, options))
    }

    /// The user that is requested, and its fields.
    pub(crate) fn into_lookup(
        self,
        path_id: &str,
        tenant: &Tenant,
    ) -> Result<(LookupRequest, ViewOptions), ParameterError> {
        let request = LookupRequest {
            crid: parse_path_id(path_id)?,
            sources: self.sources(tenant),
            on_provider_failure: self.on_provider_failure.unwrap_or_default(),
        };
        Ok((request, self.view_options()?))
    }

    /// The sources that the request reads.
    fn sources(&self, tenant: &Tenant) -> Sources {
        Sources::for_request(tenant.settings.user_provider, self.ignore_provider.unwrap_or_default())
    }

    fn view_options(&self) -> Result<ViewOptions, ParameterError> {
        let fields = match &self.fields {
            Some(text) => FieldSelection::parse(text).ok_or(ParameterError::UnknownField)?,
            None => FieldSelection::default(),
        };
        Ok(ViewOptions {
            fields,
            explain: self.explain.unwrap_or_default(),
        })
    }

    /// The conditions of the request; `path_id` is the id in its path.
    pub(super) fn into_filter(
        mut self,
        path_id: Option<CustomerRegistrationId>,
        tenant: &Tenant,
        sealing: &dyn Sealing,
    ) -> Result<UserFilter, ParameterError> {
        let mut filter = std::mem::take(&mut self.filter);
        for (name, prefix) in [("firstName", &filter.first_name), ("lastName", &filter.last_name)] {
            // A prefix that folds to nothing would match every user, so it counts as absent.
            if prefix.as_ref().is_some_and(|prefix| prefix.as_str().is_empty()) {
                return Err(empty(name));
            }
        }
        filter.emails.extend(self.email_filter(tenant)?);
        if let Some(sealed) = &self.encrypted_email {
            filter.emails.push(open_email(sealed, tenant, sealing)?);
        }
        filter.crids.extend(path_id);
        if let Some(id) = &self.customer_registration_id {
            filter
                .crids
                .push(CustomerRegistrationId::parse(id).map_err(|_| ParameterError::BadId)?);
        }
        if let Some(sealed) = &self.encrypted_customer_registration_id {
            filter.crids.push(open_id(sealed, tenant, sealing)?);
        }
        // An id that is given twice is one condition, so that its cursors belong to one list.
        filter.crids.dedup();
        Ok(filter)
    }

    /// The condition on `email`: by `emailMatch`, else by the tenant's switch, else by the form of the text.
    fn email_filter(&self, tenant: &Tenant) -> Result<Option<EmailFilter>, ParameterError> {
        let Some(text) = &self.email else {
            return match self.email_match {
                Some(_) => Err(ParameterError::EmailMatchWithoutEmail),
                None => Ok(None),
            };
        };
        match self.email_match {
            Some(EmailMatchMode::Exact) => email_equals(text),
            Some(EmailMatchMode::Prefix) => email_starts_with(text),
            Some(EmailMatchMode::Contains) => email_contains(text),
            None if tenant.settings.email_contains => email_contains(text),
            None => email_by_form(text),
        }
        .map(Some)
    }
}
