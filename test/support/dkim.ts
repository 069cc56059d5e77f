// DKIM as far as tests need it (RFC 6376, RFC 8463): both algorithms, both canonicalisations, no DNS.

import { createHash, createSign, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';

const KEYS = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** PEM of the key that signs, for other signers. */
export const DKIM_PRIVATE_KEY: string = KEYS.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

/** The public one as it stands in DNS. */
export const DKIM_RECORD = `v=DKIM1; k=rsa; p=${KEYS.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`;

type Form = 'simple' | 'relaxed';

/**
 * The message with a DKIM-Signature on top.
 *
 * @param options.names what stands in `h=`; a name more often than there are fields of it says that there are no more (§5.4)
 */
export function signDkim(message: string, options: { names: readonly string[]; form: Form }): string {
  const { fields, body } = cut(message);
  const { names, form } = options;
  const unsigned = `DKIM-Signature: v=1; a=rsa-sha256; c=${form}/${form}; d=example.org; s=test;\r\n\th=${names.join(':')};\r\n\tbh=${bodyHash(body, form)};\r\n\tb=`;
  const signature = createSign('sha256')
    .update(signedText(fields, names, unsigned, form))
    .sign(KEYS.privateKey, 'base64');
  return `${unsigned}${signature.replace(/.{1,70}/g, '\r\n\t$&').trimStart()}\r\n${message}`;
}

/**
 * Whether each DKIM-Signature of the message is good. Throws where there is none.
 *
 * @param keys public keys by selector; the one of {@link signDkim} where none are given
 */
export function verifyDkim(
  message: string,
  keys: Readonly<Record<string, KeyObject>> = { test: KEYS.publicKey },
): boolean {
  const { fields, body } = cut(message);
  const signatures = fields.filter((field) => nameOf(field) === 'dkim-signature');
  if (signatures.length === 0) throw new Error('no DKIM-Signature');
  return signatures.every((field) => {
    const tags = tagsOf(field);
    const [form = 'simple', bodyForm = 'simple'] = (tags.get('c') ?? '').split('/') as Form[];
    if (tags.get('bh') !== bodyHash(body, bodyForm)) return false;
    const names = (tags.get('h') ?? '').split(':');
    const unsigned = field.replace(/([;\s]b\s*=)[^;]*/, '$1');
    const text = signedText(fields, names, unsigned, form);
    const key = keys[tags.get('s') ?? ''];
    if (!key) throw new Error(`no key for the selector ${tags.get('s')}`);
    const signature = Buffer.from(tags.get('b') ?? '', 'base64');
    if (tags.get('a') !== 'ed25519-sha256') return verify('sha256', text, key, signature);
    return verify(null, createHash('sha256').update(text).digest(), key, signature);
  });
}

function cut(message: string): { fields: string[]; body: string } {
  const end = message.indexOf('\r\n\r\n');
  return { fields: message.slice(0, end).split(/\r\n(?![ \t])/), body: message.slice(end + 4) };
}

/** §3.7: the fields as `h=` names them, the last of each name first, and the signature field itself without its line end. */
function signedText(
  fields: readonly string[],
  names: readonly string[],
  signature: string,
  form: Form,
): Buffer {
  const left = [...fields];
  const signed = names.map((name) => {
    const at = left.findLastIndex((field) => nameOf(field) === name.trim().toLowerCase());
    return at === -1 ? '' : `${headerForm(left.splice(at, 1)[0] ?? '', form)}\r\n`;
  });
  return Buffer.from(signed.join('') + headerForm(signature, form), 'latin1');
}

const nameOf = (field: string): string => field.slice(0, field.indexOf(':')).trim().toLowerCase();

function tagsOf(field: string): Map<string, string> {
  const tags = field.slice(field.indexOf(':') + 1).split(';');
  return new Map(
    tags.map((tag) => {
      const at = tag.indexOf('=');
      return [tag.slice(0, at).trim(), tag.slice(at + 1).replace(/\s/g, '')];
    }),
  );
}

// §3.4.1, §3.4.2
function headerForm(field: string, form: Form): string {
  if (form === 'simple') return field;
  const value = field.slice(field.indexOf(':') + 1);
  return `${nameOf(field)}:${value
    .replace(/\r\n/g, '')
    .replace(/[ \t]+/g, ' ')
    .trim()}`;
}

// §3.4.3, §3.4.4
function bodyHash(body: string, form: Form): string {
  const text = form === 'simple' ? body : body.replace(/[ \t]+/g, ' ').replace(/ \r\n/g, '\r\n');
  const canonical = text.replace(/(\r\n)*$/, text === '' && form === 'relaxed' ? '' : '\r\n');
  return createHash('sha256').update(Buffer.from(canonical, 'latin1')).digest('base64');
}
