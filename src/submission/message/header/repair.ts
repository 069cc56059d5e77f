// Owns the way of one header block: checked as a whole, then edited; what stays of it goes on byte for byte.

import { type PlacedField, parseHeader } from '../../../policy/header.ts';
import { checkHeader } from '../../../policy/policy.ts';
import { isRefusal, type Refusal } from '../../../refusal.ts';
import { checkAddressDomains } from './address-domains.ts';
import { type EditContext, editHeader } from './edit.ts';
import type { QualifiedDomains } from './settings.ts';

export interface HeaderContext extends EditContext {
  readonly qualifiedDomains: QualifiedDomains;
}

export interface RepairedHeader {
  /** As they came; each stands in the block that was given. */
  readonly fields: readonly PlacedField[];
  /** Fields that stand above all others; no line of them begins with a dot. */
  readonly added: string;
  /** The header block that follows them: the very one given where nothing is taken out of it. */
  readonly kept: Buffer;
}

/** @param block lines that end in CRLF, without the empty line after them; dot-stuffed (RFC 5321 §4.5.2), as is what comes back */
export function repairHeader(block: Buffer, context: HeaderContext): RepairedHeader | Refusal {
  const plain = unstuffed(block);
  const fields = parseHeader(plain);
  if (isRefusal(fields)) return fields;
  const refusal = checkHeader(context.principal, fields);
  if (refusal) return refusal;
  const incomplete = context.qualifiedDomains === 'required' ? checkAddressDomains(fields) : undefined;
  if (incomplete) return incomplete;
  const { added, removed } = editHeader(fields, context);
  return { fields, added, kept: removed.length === 0 ? block : stuffed(without(plain, removed)) };
}

function without(block: Buffer, removed: readonly PlacedField[]): Buffer {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const { start, end } of removed) {
    pieces.push(block.subarray(from, start));
    from = end;
  }
  return Buffer.concat([...pieces, block.subarray(from)]);
}

function unstuffed(block: Buffer): Buffer {
  if (!hasDottedLine(block)) return block;
  return Buffer.from(block.toString('latin1').replace(/(^|\r\n)\./g, '$1'), 'latin1');
}

function stuffed(block: Buffer): Buffer {
  if (!hasDottedLine(block)) return block;
  return Buffer.from(block.toString('latin1').replace(/(^|\r\n)\./g, '$1..'), 'latin1');
}

const hasDottedLine = (block: Buffer): boolean => block[0] === 0x2e || block.includes('\r\n.');
