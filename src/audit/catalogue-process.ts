// Owns what the events of the process as a whole and of its local administration mean, and what their fields say.

import { type Catalogue, reason, session } from './catalogue-words.ts';
import type { ProcessEventFields } from './event-fields.ts';

const certificateFile = 'file of the certificate';
const certificateNames = 'DNS names in it; of an authority of apps its name';
const notAfter = 'until when it is valid';

export const PROCESS_EVENTS: Catalogue<ProcessEventFields> = {
  administrationUsed: {
    level: 'info',
    says: 'Somebody ended or gave back access over the local administration socket.',
    fields: {
      action: '`end-session`, `end-grant`, `end-client`, `end-person`, `disable-person` or `enable-person`',
      target: 'session id, handle of the grant, `client_id` or address',
      cause: 'why, in the words of who did it',
      found: 'whether anything by that name was known',
      grants: 'number of grants ended',
      sessions: 'number of sessions ended',
    },
  },

  started: {
    level: 'info',
    says: 'Postern takes mail.',
    fields: { version: 'version of Postern', issuer: 'its OAuth issuer', listeners: 'where it listens' },
  },
  reloaded: {
    level: 'info',
    says: 'The configuration was read anew and holds for every new connection; earlier ones end as at a stop.',
    fields: { milliseconds: 'how long it took', listeners: 'where Postern listens now' },
  },
  reloadRefused: {
    level: 'error',
    says: 'The new configuration has faults, or needs a restart; the earlier one goes on.',
    fields: { faults: 'each with the path of its setting' },
  },
  stopping: {
    level: 'info',
    says: 'Postern is stopping: nothing new is taken.',
    fields: { cause: 'signal or fault' },
  },
  stopped: {
    level: 'info',
    says: 'Postern has stopped.',
    fields: { milliseconds: 'how long the stop took' },
  },
  keyRotated: {
    level: 'info',
    says: 'A new signing key was made.',
    fields: { keyId: '`kid` of the new key' },
  },
  certificateReloaded: {
    level: 'info',
    says: 'A certificate, or a list of authorities for client certificates, was replaced; new connections get it.',
    fields: { file: certificateFile, names: certificateNames, notAfter },
  },
  certificateReloadFailed: {
    level: 'error',
    says: 'A certificate’s files changed and cannot be used; what they held before stays in use.',
    fields: { file: certificateFile, reason },
  },
  certificateExpires: {
    level: 'warn',
    says: 'A certificate expires in less than two weeks, or has expired; told once a day.',
    fields: { file: certificateFile, names: certificateNames, notAfter },
  },
  dangerousSetting: {
    level: 'warn',
    says: 'A setting weakens protection; told at every start.',
    fields: { path: 'where it stands in the configuration', risk: 'what it opens' },
  },
  fault: {
    level: 'error',
    says: 'Something nobody expected; please report it.',
    fields: { where: 'part of the program', error: 'type, message, code, stack and causes', session },
  },
  refusalsSuppressed: {
    level: 'warn',
    says: 'One peer caused so many refusals in a second that some lines were left out; the metrics count all.',
    fields: { peer: 'address, or network of an IPv6 address', lines: 'lines left out' },
  },
};
