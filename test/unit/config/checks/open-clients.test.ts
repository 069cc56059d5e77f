import { expect, test } from 'vitest';
import type { CheckInput } from '../../../../src/config/checks/check.ts';
import { checkClientMetadataDocuments } from '../../../../src/config/checks/open-clients.ts';

function told(documents: object): { faults: string[]; dangers: string[] } {
  const [faults, dangers]: [string[], string[]] = [[], []];
  const settings = {
    authorization: {
      clientMetadataDocuments: {
        mode: 'open',
        redirectPatterns: ['loopback'],
        hosts: [],
        privateHosts: [],
        ...documents,
      },
    },
  };
  checkClientMetadataDocuments({
    settings,
    findings: {
      fault: (_place: unknown, message: string) => faults.push(message),
      danger: (_place: unknown, message: string) => dangers.push(message),
    },
  } as unknown as CheckInput);
  return { faults, dangers };
}

test('any web site at all is a danger; some, named by the operator, are not', () => {
  const redirectPatterns = ['same-origin'];
  expect(told({ redirectPatterns }).dangers).toHaveLength(1);
  expect(told({ redirectPatterns, hosts: ['app.example.org'] })).toEqual({ faults: [], dangers: [] });
  expect(told({ redirectPatterns, mode: 'closed' }).dangers).toEqual([]);
});

test('hosts of one’s own network may be names or addresses, with a port or without', () => {
  const privateHosts = ['app.internal', 'app.internal:8443', '10.1.2.3:8443', '[fd00::1]'];
  expect(told({ privateHosts })).toEqual({ faults: [], dangers: [] });
  expect(told({ privateHosts: ['App.internal', 'app.internal/x', ''] }).faults).toHaveLength(3);
});
