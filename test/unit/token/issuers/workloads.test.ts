// Jobs and their tokens: which subject a pattern lets in, and that no name somebody else may choose reaches beyond its part.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimPattern, patternFault } from '../../../../src/token/issuers/claim-pattern.ts';
import { createWorkloads } from '../../../../src/token/issuers/workloads.ts';
import { processorTime } from '../../../support/processor-time.ts';

describe('a pattern', () => {
  it.each<[string, string]>([
    ['system:serviceaccount:mail:sender', 'system:serviceaccount:mail:sender'],
    ['system:serviceaccount:mail:*', 'system:serviceaccount:mail:sender'],
    ['repo:example/*:ref:refs/heads/main', 'repo:example/site:ref:refs/heads/main'],
    ['repo:example/site:ref:refs/tags/v*', 'repo:example/site:ref:refs/tags/v1.2.3'],
    ['project_path:example/*:ref_type:branch:ref:main', 'project_path:example/site:ref_type:branch:ref:main'],
    ['*-sender@project.iam', 'mail-sender@project.iam'],
    ['a.b', 'a.b'],
    ['*', 'zwölf'],
  ])('%s lets %s in', (pattern, subject) => expect(claimPattern(pattern)(subject)).toBe(true));

  it.each<[string, string, string]>([
    ['another namespace', 'system:serviceaccount:mail:*', 'system:serviceaccount:web:sender'],
    ['one part more', 'system:serviceaccount:mail:*', 'system:serviceaccount:mail:a:b'],
    ['one part less', 'system:serviceaccount:mail:*', 'system:serviceaccount:mail:'],
    [
      'a repository of somebody else',
      'repo:example/*:ref:refs/heads/main',
      'repo:evil/x:ref:refs/heads/main',
    ],
    ['a pull request', 'repo:example/site:*', 'repo:example/site:ref:refs/heads/main'],
    ['a branch with a slash', 'repo:example/site:ref:refs/heads/*', 'repo:example/site:ref:refs/heads/a/b'],
    ['an owner that looks the same', 'repo:example/*', 'repo:example-evil/site'],
    ['text before it', 'system:*', 'xsystem:a'],
    ['text after it', 'repo:example/site', 'repo:example/site2'],
    ['another line', 'repo:example/site', 'repo:example/site\n'],
    ['any character for a dot', 'a.b', 'axb'],
    ['letters of another case', 'repo:Example/site', 'repo:example/site'],
    ['an address of another domain', '*@project.iam', 'x@evil@project.iam'],
  ])('does not let in %s', (_what, pattern, subject) => expect(claimPattern(pattern)(subject)).toBe(false));

  it('has no other signs: whatever text there is stands for itself', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string(), (text, other) => {
        fc.pre(!text.includes('*'));
        expect(claimPattern(text)(text)).toBe(true);
        if (other !== text) expect(claimPattern(text)(other)).toBe(false);
      }),
    );
  });

  it('lets in what the regular expression of the same meaning lets in', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', ':', '/'), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', ':', '/', '*'), minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(pattern, text, (given, subject) => {
        fc.pre(!given.includes('**'));
        const whole = new RegExp(`^${given.replaceAll('*', '[^:/@]+')}$`);
        expect(claimPattern(given)(subject)).toBe(whole.test(subject));
      }),
      { numRuns: 5_000 },
    );
  });

  it('with many stars is answered at once: no text takes long', () => {
    const spent = processorTime(() =>
      expect(claimPattern(`${'a*'.repeat(200)}b`)('a'.repeat(255))).toBe(false),
    );
    expect(spent).toBeLessThan(2000);
  });

  it.each<[string, string | undefined]>([
    ['system:serviceaccount:mail:*', undefined],
    ['repo:example/*:ref:refs/heads/main', undefined],
    ['system:serviceaccount:**', 'holds **'],
    ['*', 'names nothing'],
    ['*:*:*', 'names nothing'],
    ['repo:*/site:ref:refs/heads/main', 'the owner must be named'],
    ['project_path:*/site:ref_type:branch:ref:main', 'the owner must be named'],
    ['repo:example*/site:ref:refs/heads/main', 'the owner must be named'],
    ['repo:*example/*:ref:refs/heads/main', 'the owner must be named'],
    ['project_path:exa*ple/site:*', 'the owner must be named'],
    ['repository_owner:example*', 'the owner must be named'],
    ['project_path:example/site*:ref_type:branch:ref:main', undefined],
    ['repository_owner:*', 'the owner must be named'],
  ])('%s: %s', (pattern, fault) => {
    if (fault === undefined) expect(patternFault(pattern)).toBeUndefined();
    else expect(patternFault(pattern)).toContain(fault);
  });
});

describe('an entry', () => {
  const find = createWorkloads([
    { subject: 'system:serviceaccount:mail:reports', sendAs: ['reports@example.org', 'Info@Example.ORG'] },
    { subject: 'system:serviceaccount:mail:*', sendAs: ['jobs@example.org'] },
    {
      subject: 'repo:example/*:ref:refs/heads/main',
      where: [
        { claim: 'repository_visibility', anyOf: ['private', 'internal'] },
        { claim: 'kubernetes.io.namespace', anyOf: ['mail-*'] },
        { claim: 'ref_protected', anyOf: ['true'] },
      ],
      sendAs: ['deploy@example.org'],
    },
    { subject: 'repo:example/site:ref:refs/heads/main', sendAs: ['site@example.org'] },
  ]);
  const deploy = {
    sub: 'repo:example/site:ref:refs/heads/main',
    repository_visibility: 'private',
    'kubernetes.io': { namespace: 'mail-1' },
    ref_protected: true,
  };

  it('is the first that fits', () => {
    expect(find({ sub: 'system:serviceaccount:mail:reports' })).toEqual([
      'reports@example.org',
      'Info@example.org',
    ]);
    expect(find({ sub: 'system:serviceaccount:mail:other' })).toEqual(['jobs@example.org']);
    expect(find(deploy)).toEqual(['deploy@example.org']);
  });

  it('whose claims do not fit is passed over for a later one', () => {
    expect(find({ ...deploy, ref_protected: 'false' })).toEqual(['site@example.org']);
  });

  it.each<[string, object, string]>([
    ['a subject of none', { sub: 'system:serviceaccount:web:x' }, 'no entry of workloads fits sub'],
    ['no subject', {}, 'no entry of workloads fits'],
    [
      'a claim that is another',
      { ...deploy, sub: 'repo:example/other:ref:refs/heads/main', repository_visibility: 'public' },
      'repository_visibility is "public"',
    ],
    [
      'a claim that is not there',
      { ...deploy, sub: 'repo:example/other:ref:refs/heads/main', 'kubernetes.io': undefined },
      'kubernetes.io.namespace is an empty list',
    ],
  ])('is not found for %s, and the operator reads why', (_what, claims, reason) => {
    expect(find(claims as never)).toMatchObject({
      code: 'token-identity',
      reason: expect.stringContaining(reason),
    });
  });
});
