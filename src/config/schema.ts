// The whole configuration file: every folder's settings under the name the operator writes.

import Type from 'typebox';
import { AdministrationSettings } from '../administration/settings.ts';
import { AuditSettings } from '../audit/settings.ts';
import { AuthorizationSettings } from '../authorization/settings.ts';
import { DemoSettings } from '../demo/settings.ts';
import { DkimSettings } from '../dkim/settings.ts';
import { RoutesSettings, UpstreamSettings, UpstreamsSettings } from '../relay/settings.ts';
import { StoreSettings } from '../store/settings.ts';
import { SubmissionSettings } from '../submission/settings.ts';
import { TokenSettings } from '../token/settings.ts';

export const Settings = Type.Object(
  {
    submission: SubmissionSettings,
    upstream: Type.Optional(UpstreamSettings),
    upstreams: UpstreamsSettings,
    routes: RoutesSettings,
    dkim: Type.Optional(DkimSettings),
    authorization: AuthorizationSettings,
    token: TokenSettings,
    store: StoreSettings,
    audit: AuditSettings,
    administration: Type.Optional(AdministrationSettings),
    demo: Type.Optional(DemoSettings),
  },
  { additionalProperties: false },
);

/** Every setting with its default filled in: durations in milliseconds, paths absolute, secrets held in `Secret`. */
export type Settings = Type.Static<typeof Settings>;

/** The part of JSON Schema that settings are written in, as the readers of a schema see it. */
export interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly const?: unknown;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly uniqueItems?: boolean;
  readonly 'x-kind'?: string;
  /** A secret that may be of several lines. */
  readonly 'x-lines'?: 'many';
  /** What a `pattern` asks for, in words. */
  readonly 'x-shape'?: string;
  /** By a name that other programs have for it, what to write here instead. */
  readonly 'x-instead'?: Readonly<Record<string, string>>;
  /** Section whose settings these are too: explained there, and left out here where they need not be given. */
  readonly 'x-like'?: string;
  /** Settings that the value of `preset` fills in, by that value. */
  readonly 'x-presets'?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** The same schema as plain data, for walking. */
export const SETTINGS_SCHEMA: SchemaNode = Settings as unknown as SchemaNode;

/** The settings of a section that are explained in its own place. */
export function ownSettings(section: SchemaNode): [string, SchemaNode][] {
  const like = SETTINGS_SCHEMA.properties?.[section['x-like'] ?? ''];
  return Object.entries(section.properties ?? {}).filter(
    ([name, node]) =>
      !Object.hasOwn(like?.properties ?? {}, name) ||
      (section.required?.includes(name) === true && node.default === undefined),
  );
}

/** The value at a path such as `submission.hostname`; undefined where there is none. */
export function settingAt(settings: Settings, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => {
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  }, settings);
}
