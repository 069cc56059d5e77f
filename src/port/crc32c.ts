// Owns the checksum of a PROXY protocol v2 header: CRC-32C, which node:zlib (CRC-32) does not have.

/** RFC 4960 Appendix B; the polynomial 0x1EDC6F41, bits reversed. */
const POLYNOMIAL = 0x82f63b78;
const TABLE = Uint32Array.from({ length: 256 }, (_, octet) => {
  let rest = octet;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ POLYNOMIAL : rest >>> 1;
  return rest;
});

/** As an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array): number {
  let sum = 0xffff_ffff;
  for (const octet of bytes) sum = (sum >>> 8) ^ (TABLE[(sum ^ octet) & 0xff] ?? 0);
  return (sum ^ 0xffff_ffff) >>> 0;
}
