import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/{unit,dialogue,refused-config,store,conformance,fuzz}/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    pool: 'forks',
  },
});
