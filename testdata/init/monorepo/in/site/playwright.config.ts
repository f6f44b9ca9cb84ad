export default { testDir: "tests" };
