// Owns which `client_id` is the address of a document about the program (draft-ietf-oauth-client-id-metadata-document-02 §3).

const MAX_LENGTH = 255;

/** Its parts, or undefined where it is none; compared letter by letter, so it must be in its plain form. */
export function readDocumentAddress(clientId: string): URL | undefined {
  if (clientId.length > MAX_LENGTH || !/^https:\/\/[^/?#@]+\/[!-~]*$/.test(clientId)) return undefined;
  if (/["<>\\^`{|}#]/.test(clientId)) return undefined;
  const url = URL.parse(clientId);
  // The same host under another name: past a list of hosts, counts of their own, or Postern itself.
  if (url?.hostname.endsWith('.')) return undefined;
  // Dot segments, user names, other notations of an address: all of them are written otherwise once read.
  return url?.href === clientId ? url : undefined;
}
