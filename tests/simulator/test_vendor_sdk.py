"""The vendor's own SDK, installed from npm, uses the simulator as if it were Pipedrive."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from pipedrive_graph.simulator.server import Options, Simulator

SCRIPT = """
const { Configuration, UsersApi, RolesApi, PermissionSetsApi } = require('pipedrive/v1');
const [basePath, apiKey] = process.argv.slice(2);
const configuration = new Configuration({ apiKey });
configuration.basePath = basePath;
const users = new UsersApi(configuration);
const roles = new RolesApi(configuration);
const sets = new PermissionSetsApi(configuration);
(async () => {
  const me = (await users.getCurrentUser()).data;
  const listed = (await users.getUsers()).data;
  const hired = (await users.addUser({ AddUserRequest: { email: 'sdk@x.example' } })).data;
  await roles.addRoleAssignment({ id: 2, AddRoleAssignmentRequest: { user_id: hired.id } });
  const off = (await users.updateUser({ id: hired.id, UpdateUserRequest: { active_flag: false } })).data;
  const found = (await users.findUsersByName({ term: me.email, search_by_email: 1 })).data;
  const setList = (await sets.getPermissionSets()).data;
  console.log(JSON.stringify({
    me: me.id,
    users: listed.map((user) => user.id),
    roles: (await roles.getRoles({ start: 0, limit: 500 })).data.map((role) => role.id),
    sets: setList.map((set) => set.id),
    contents: (await sets.getPermissionSet({ id: setList[0].id })).data[0].contents,
    permissions: (await users.getUserPermissions({ id: me.id })).data,
    assignments: (await users.getUserRoleAssignments({ id: me.id })).data,
    members: (await roles.getRoleAssignments({ id: 2 })).data.map((row) => row.user_id),
    hired: hired.id,
    off: off.active_flag,
    found: found.map((user) => user.id),
  }));
})().catch((error) => { console.error(error); process.exit(1); });
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    if shutil.which("npm") is None:
        pytest.skip("npm is not on this machine, so the vendor's SDK cannot be installed")
    folder = tmp_path_factory.mktemp("sdk")
    (folder / "package.json").write_text('{"private": true}')
    (folder / "use.js").write_text(SCRIPT)
    command = ["npm", "install", "pipedrive@33", "--no-audit", "--no-fund"]
    outcome = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200, check=False)
    if outcome.returncode:
        pytest.skip(f"npm could not install the vendor's SDK: {outcome.stderr.strip()[-300:]}")
    return folder


@pytest.mark.slow
def test_the_vendors_sdk_reads_and_writes(installed) -> None:
    with Simulator(Options(users=40)) as running:
        before = list(running.company.users)
        outcome = subprocess.run(
            ["node", "use.js", running.url, running.token],
            cwd=installed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert outcome.returncode == 0, outcome.stderr
        said = json.loads(outcome.stdout)
        company = running.company
        assert said["me"] == company.owner_id
        assert said["users"] == before
        assert said["roles"] == list(company.roles)
        assert said["sets"] == list(company.sets)
        assert said["contents"] == company.sets[said["sets"][0]].contents
        assert said["permissions"] == company.permissions(said["me"])
        assert [row["role_id"] for row in said["assignments"]] == [company.users[said["me"]].role_id]
        assert said["members"] == [row.user_id for row in company.members(2)]
        assert said["hired"] in said["members"]
        assert said["off"] is False
        assert said["found"] == [said["me"]]
        assert {seen.status for seen in running.requests} == {200}
