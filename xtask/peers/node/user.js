// A row as the answer shows it.

import { createCipheriv, randomFillSync } from 'node:crypto';

const STANDARD_KEYS = [
  'title', 'phoneNumber', 'gender', 'age', 'dob', 'dobYYYY', 'acceptsEmailOffers', 'acceptsEmailAds',
  'acceptsEmailPromotions', 'address', 'city', 'country', 'position', 'isOkToEmail', 'isOkToPhone',
  'isOkToMail', 'workPhone', 'timeZone', 'scoreMember', 'companyName', 'postalCode', 'cellPhone',
  'acceptsEENotification', 'ebill_flag', 'eadvan_flag', 'eedition_flag', 'ee_email_flag', 'promo_flag',
  'feat_flag', 'dealdigger_flag', 'ads_flag', 'member_event_flag', 'contentEngagement_flag', 'subcom_flag',
  'survey_flag', 'accountUpdates_flag', 'photo', 'displayName', 'optOutMarketing', 'agreeToTerms',
  'bounceType',
];

const text = { type: 'string' };

// fastify compiles it to a serializer. Every standard key is answered, `""` when unset, then the custom ones.
export const userSchema = {
  type: 'object',
  properties: {
    customerRegistrationId: text,
    encryptedCustomerRegistrationId: text,
    email: text,
    firstName: text,
    lastName: text,
    state: text,
    metadata: {
      type: 'object',
      properties: Object.fromEntries(STANDARD_KEYS.map((key) => [key, { type: 'string', default: '' }])),
      additionalProperties: text,
    },
    verified: { type: 'boolean' },
  },
};

export function describeUser(row, sealingKey) {
  return {
    customerRegistrationId: row.crid,
    encryptedCustomerRegistrationId: seal(row.crid, sealingKey),
    email: row.email,
    firstName: row.first_name,
    lastName: row.last_name,
    state: stateOf(row),
    metadata: row.metadata,
    verified: row.verified,
  };
}

function stateOf(row) {
  if (!row.has_password) return 'Lite';
  return row.verified ? 'Standard' : 'Unverified';
}

// Random bytes are drawn for many values at once: a draw costs as much as the encryption.
const randomBytes = Buffer.alloc(12 * 512);
let nextNonce = randomBytes.length;

function seal(text, key) {
  if (nextNonce === randomBytes.length) {
    randomFillSync(randomBytes);
    nextNonce = 0;
  }
  const nonce = randomBytes.subarray(nextNonce, (nextNonce += 12));
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const sealed = cipher.update(text, 'utf8');
  cipher.final();
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64');
}
