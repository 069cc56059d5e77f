import { expect, test } from 'vitest';
import { isSubmissionResource } from '../../../src/authorization/scopes.ts';

const service = { audience: 'https://mail.example.org/submission', hostname: 'smtp.example.org' };

test.each([
  'https://mail.example.org/submission',
  'https://smtp.example.org',
  'https://smtp.example.org/',
  'smtp://smtp.example.org',
  'smtp://SMTP.example.org:587',
  'smtps://smtp.example.org:465/',
  'submission://smtp.example.org',
  'submissions://smtp.example.org',
])('%s is the submission service', (indicator) => {
  expect(isSubmissionResource(indicator, service)).toBe(true);
});

test.each([
  'https://mail.example.org',
  'https://mail.example.org/submission/',
  'https://mail.example.org/submission?x',
  'https://smtp.example.org:8443',
  'https://smtp.example.org/other',
  'https://smtp.example.org@evil.example',
  'https://user@smtp.example.org',
  'https://smtp.example.org.evil.example',
  'http://smtp.example.org',
  'imap://smtp.example.org',
  'smtp://evil.example',
  'smtp.example.org',
  '',
])('%s is not', (indicator) => {
  expect(isSubmissionResource(indicator, service)).toBe(false);
});
