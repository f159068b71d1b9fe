//! A sealing without secrecy that binds a text to tenant and purpose as a real one does.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use masthead_domain::tenant::TenantId;
use masthead_ports::sealing::{Purpose, SealError, Sealing};

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Base64 of purpose, tenant and text: deterministic, not secret, and opened only for the same tenant and purpose.
#[derive(Debug, Clone, Copy, Default)]
pub struct FakeSealing;

impl Sealing for FakeSealing {
    fn seal(&self, tenant: &TenantId, purpose: Purpose<'_>, plain: &str) -> String {
        ENGINE.encode(format!("{}{plain}", label(tenant, purpose)))
    }

    fn open(&self, tenant: &TenantId, purpose: Purpose<'_>, sealed: &str) -> Result<String, SealError> {
        let standard: String = sealed
            .chars()
            .map(|c| match c {
                ' ' | '-' => '+',
                '_' => '/',
                other => other,
            })
            .collect();
        let bytes = ENGINE.decode(standard).map_err(|_| SealError)?;
        let text = String::from_utf8(bytes).map_err(|_| SealError)?;
        text.strip_prefix(&label(tenant, purpose))
            .map(str::to_owned)
            .ok_or(SealError)
    }
}

fn label(tenant: &TenantId, purpose: Purpose<'_>) -> String {
    // The leading `~~~` makes the base64 begin with `fn5+`, so that tests meet a `+` that has to travel in a URL.
    match purpose {
        Purpose::CustomerRegistrationId => format!("~~~id {tenant} "),
        Purpose::Email => format!("~~~email {tenant} "),
        Purpose::Mail => format!("~~~mail {tenant} "),
        Purpose::WriteIntent => format!("~~~intent {tenant} "),
        Purpose::StoredAnswer => format!("~~~answer {tenant} "),
        Purpose::Cursor { binding } => format!("~~~cursor {tenant} {}:{binding} ", binding.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_opens_only_for_tenant_and_purpose() {
        let (herald, times) = (
            TenantId::parse("a/b/herald").expect("a tenant"),
            TenantId::parse("a/b/times").expect("a tenant"),
        );
        let sealed = FakeSealing.seal(&herald, Purpose::Email, "ann@example.com");
        let open = |tenant, purpose, text: &str| FakeSealing.open(tenant, purpose, text);
        assert_eq!(open(&herald, Purpose::Email, &sealed).as_deref(), Ok("ann@example.com"));
        assert!(sealed.contains('+'));
        assert_eq!(
            open(&herald, Purpose::Email, &sealed.replace('+', " ")).as_deref(),
            Ok("ann@example.com")
        );
        assert_eq!(open(&times, Purpose::Email, &sealed), Err(SealError));
        assert_eq!(open(&herald, Purpose::CustomerRegistrationId, &sealed), Err(SealError));
        assert_eq!(open(&herald, Purpose::Cursor { binding: "x" }, &sealed), Err(SealError));
        assert_eq!(open(&herald, Purpose::Email, "%%"), Err(SealError));
    }
}
