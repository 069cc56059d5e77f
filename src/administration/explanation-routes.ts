// Owns the two questions about a refusal: what a session was refused, and what is wrong with a token.

import type { FastifyInstance } from 'fastify';
import { MAX_QUESTION_LENGTH, type QuestionedToken } from '../explanation/verdict.ts';
import type { Explanations } from './door.ts';

/** JSON writes a character with six at most. */
const MAX_BODY = 6 * MAX_QUESTION_LENGTH + 1_024;

const REFUSALS_SCHEMA = {
  querystring: {
    type: 'object',
    properties: { session: { type: 'string', pattern: '^[A-Za-z0-9_-]{1,64}$' } },
    required: ['session'],
    additionalProperties: false,
  },
};

const EXPLAIN_SCHEMA = {
  body: {
    type: 'object',
    properties: {
      token: { type: 'string', maxLength: MAX_QUESTION_LENGTH },
      certificate: { type: 'string', pattern: '^[A-Za-z0-9_-]{43}$' },
    },
    required: ['token'],
    additionalProperties: false,
  },
};

export function addExplanationRoutes(app: FastifyInstance, { refusalsOf, judge }: Explanations): void {
  app.get<{ Querystring: { session: string } }>(
    '/refusals',
    { schema: REFUSALS_SCHEMA },
    async ({ query }) => ({ refusals: refusalsOf(query.session) }),
  );
  app.post<{ Body: QuestionedToken }>(
    '/explain',
    { schema: EXPLAIN_SCHEMA, bodyLimit: MAX_BODY },
    async ({ body }) => judge(body),
  );
}
