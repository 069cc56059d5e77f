import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/{unit,dialogue,refused-config,store,conformance,fuzz}/**/*.test.ts'],
    // A test proves what is done, not how fast: the machine may be slow and busy. What has to be quick counts its own time.
    testTimeout: 90_000,
    hookTimeout: 90_000,
    expect: { poll: { timeout: 20_000 } },
    pool: 'forks',
  },
});
