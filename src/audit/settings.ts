// What the operator may say about the journal, the metrics and the health pages.

import Type from 'typebox';
import { socketAddress } from '../setting.ts';

export const AuditSettings = Type.Object(
  {
    level: Type.Union(
      [
        Type.Literal('trace'),
        Type.Literal('debug'),
        Type.Literal('info'),
        Type.Literal('warn'),
        Type.Literal('error'),
      ],
      {
        default: 'info',
        description: 'Least level written. No level writes credentials, subjects or bodies.',
      },
    ),
    listen: socketAddress({
      default: '127.0.0.1:9090',
      description: 'Where /health, /ready and /metrics are served.',
    }),
  },
  { additionalProperties: false, default: {}, description: 'Journal, metrics and health.' },
);

export type AuditSettings = Type.Static<typeof AuditSettings>;
