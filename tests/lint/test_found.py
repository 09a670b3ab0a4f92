"""What rules find, place by place, and what they leave alone."""

import datetime as dt

import pytest

from gateway.catalogue import Catalogue, row_of
from gateway.lint import lint, lint_gateway_file
from tests.lint.reading import found, linted, said, stored

GPT = "override_params: {model: gpt-image-2}"
CASES = {
    # reach
    "behind mode single": ("targets: [{provider: sandbox}]\nstrategy: {mode: single}", []),
    "two behind mode single": (
        "strategy: {mode: single}\ntargets:\n- provider: sandbox\n- provider: sandbox\n",
        [("target-unreachable", 4)],
    ),
    "weight 0": (
        "strategy: {mode: loadbalance}\ntargets:\n- {provider: sandbox}\n- {provider: sandbox, weight: 0}\n",
        [("target-unreachable", 4)],
    ),
    "a strict target in the middle": (
        (
            "strategy: {mode: fallback, on_causes: [timeout]}\ntargets:\n- {provider: sandbox}\n"
            "- {provider: sandbox, billing: strict}\n- {provider: sandbox}\n"
        ),
        [("target-unreachable", 5)],
    ),
    # fallbacks
    "one target": ("strategy:\n  mode: fallback\ntargets: [{provider: sandbox}]", [("fallback-never-fires", 2)]),
    "a deadline for all": (
        "strategy:\n  mode: fallback\n  on_causes: [deadline]\ntargets: [{provider: sandbox}, {provider: sandbox}]",
        [("fallback-never-fires", 3)],
    ),
    "a deadline of its own": (
        (
            "strategy:\n  mode: fallback\n  on_causes: [deadline]\n"
            "targets: [{provider: sandbox, deadline: 5000}, {provider: sandbox}]"
        ),
        [],
    ),
    "a deadline of one below it": (
        (
            "strategy:\n  mode: fallback\n  on_causes: [deadline]\ntargets:\n"
            "- strategy: {mode: loadbalance}\n  targets: [{provider: sandbox, deadline: 5000}]\n- {provider: sandbox}"
        ),
        [],
    ),
    "a deadline among others": (
        (
            "strategy:\n  mode: fallback\n  on_causes: [timeout]\n  on_status_codes: [503]\ntargets:\n"
            "- {provider: sandbox, billing: strict}\n- {provider: sandbox}"
        ),
        [("fallback-never-fires", 3)],
    ),
    "a strict one, and 408": (
        (
            "billing: strict\nstrategy: {mode: fallback, on_status_codes: [408]}\n"
            "targets: [{provider: sandbox}, {provider: sandbox}]"
        ),
        [("fallback-never-fires", 2)],
    ),
    "a refused prompt": (
        "strategy: {mode: fallback, on_causes: [policy]}\ntargets: [{provider: sandbox}, {provider: sandbox}]",
        [],
    ),
    "a group that lets nothing through": (
        (
            "strategy: {mode: fallback, on_status_codes: [503]}\ntargets:\n"
            "- strategy: {mode: fallback, on_status_codes: [503]}\n  targets:\n"
            "  - {provider: sandbox}\n  - {provider: sandbox, billing: strict}\n- {provider: sandbox}"
        ),
        [],
    ),
    "twice in a load balance": (
        f"strategy: {{mode: loadbalance}}\n{GPT}\ntargets:\n- virtual_key: openai-prod\n- virtual_key: openai-prod\n",
        [("same-target-twice", 5)],
    ),
    "twice with another time limit": (
        (
            f"strategy: {{mode: fallback}}\n{GPT}\ntargets:\n- {{virtual_key: openai-prod, request_timeout: 9000}}\n"
            "- virtual_key: openai-prod\n"
        ),
        [],
    ),
    # times
    "longer than every request": (
        f"virtual_key: openai-prod\n{GPT}\nrequestTimeout: 200000",
        [("timeout-beyond-deadline", 3)],
    ),
    "inherited": (
        (
            f"{GPT}\nrequest_timeout: 9000\nstrategy: {{mode: fallback}}\ntargets:\n"
            "- {virtual_key: openai-prod, deadline: 8000}\n- {virtual_key: azure-eu, deadline: 7000}\n"
        ),
        [("timeout-beyond-deadline", 2)],
    ),
    "a deadline beyond its parent's": (
        "deadline: 5000\nstrategy: {mode: single}\ntargets:\n- provider: sandbox\n  deadline: 9000",
        [("timeout-beyond-deadline", 5)],
    ),
    "a deadline beyond that of all": (
        "strategy: {mode: single}\ntargets:\n- provider: sandbox\n  deadline: 300000",
        [("timeout-beyond-deadline", 4)],
    ),
    "no turn for the third": (
        (
            "deadline: 60000\nbilling: any\nstrategy: {mode: fallback}\ntargets:\n"
            "- {provider: sandbox, request_timeout: 30000}\n"
            "- {provider: sandbox, request_timeout: 30000}\n- provider: sandbox\n"
        ),
        [("timeout-beyond-deadline", 7)],
    ),
    "no turn, but it is not meant for slow ones": (
        (
            "deadline: 60000\nstrategy: {mode: fallback, on_causes: [policy]}\ntargets:\n"
            "- {provider: sandbox, request_timeout: 30000}\n- {provider: sandbox, request_timeout: 30000}\n"
            "- provider: sandbox\n"
        ),
        [],
    ),
    "retries that fit": ("provider: sandbox\nrequest_timeout: 60000\nretry: {attempts: 2}", []),
    "too few attempts for the targets": (
        (
            "strategy: {mode: fallback}\nmax_attempts: 2\n"
            "targets: [{provider: sandbox}, {provider: sandbox}, {provider: sandbox}]"
        ),
        [("retry-without-room", 2)],
    ),
    "too few attempts for the retries": (
        "provider: sandbox\nmaxAttempts: 2\nretry: {attempts: 2}",
        [("retry-without-room", 2)],
    ),
    "a hedge with one attempt": (
        (
            f"strategy: {{mode: fallback}}\nmax_attempts: 1\n{GPT}\ntargets:\n- virtual_key: openai-prod\n"
            "  hedge: {after_p95: true, accept_double_billing: true}\n- virtual_key: azure-eu"
        ),
        [("retry-without-room", 2), ("hedge-never-starts", 6)],
    ),
    # settings
    "a weight in a fallback": (
        "strategy: {mode: fallback}\ntargets:\n- {provider: sandbox, weight: 2}\n- {provider: sandbox}",
        [("setting-without-effect", 3)],
    ),
    "no retries, said aloud": ("provider: sandbox\nretry: {attempts: 0}", []),
    "a default that is overridden": (
        "provider: sandbox\ndefault_params: {quality: low}\noverrideParams: {quality: high}",
        [("setting-without-effect", 2)],
    ),
    "what is set and dropped": (
        "provider: sandbox\noverride_params: {style: vivid}\ndrop_params: [style]",
        [("setting-without-effect", 2)],
    ),
    "sticky to the only one": (
        "strategy:\n  mode: loadbalance\n  sticky: {hash_fields: [metadata.a]}\ntargets: [{provider: sandbox}]",
        [("setting-without-effect", 3)],
    ),
    # models
    "a default model that is gone": (
        "virtual_key: openai-prod\ndefault_params:\n  model: dall-e-2",
        [("model-retired", 3)],
    ),
    "one that nobody sends": (
        "virtual_key: openai-prod\noverride_params: {model: dall-e-2}\ndrop_params: [model]",
        [("setting-without-effect", 2)],
    ),
    "a deployment nobody knows": (
        (
            'provider: azure-openai\napi_key: "${KEY}"\nazure_resource_name: pictures\nazure_deployment_id: ours\n'
            "azure_api_version: v1"
        ),
        [("model-unknown", 4)],
    ),
    "any model of one's own server": (
        "provider: openai-compatible\ncustom_host: https://images.example/v1\noverride_params: {model: any}",
        [],
    ),
    "a model told once for all who inherit it": (
        (
            "strategy: {mode: loadbalance}\noverride_params: {model: dall-e-3}\ntargets:\n"
            "- {virtual_key: openai-prod}\n- {virtual_key: openai-prod, request_timeout: 9000}"
        ),
        [("model-retired", 2)],
    ),
    # money
    "one of two costs too much": (
        (
            "max_cost_usd: 0.05\nstrategy: {mode: fallback}\ntargets:\n"
            f"- {{virtual_key: openai-prod, {GPT}}}\n"
            '- {virtual_key: aws, override_params: {model: "us.stability.stable-creative-upscale-v1:0"}}'
        ),
        [("target-unreachable", 5)],
    ),
    "nobody knows what it costs": (
        "virtual_key: flux\nmax_cost_usd: 0.5\noverride_params: {model: flux-dev}",
        [("max-cost-below-cheapest", 2)],
    ),
    "what the caller names may cost anything": ("virtual_key: openai-prod\nmax_cost_usd: 0.0001", []),
    "the sandbox costs nothing": ("provider: sandbox\nmax_cost_usd: 0.0001", []),
    # edits
    "edits by a pattern": (
        (
            'strategy:\n  mode: conditional\n  conditions: [{query: {url.pathname: {$regex: "edits$"}}, then: a}]\n'
            "  default: b\ntargets:\n- {name: a, virtual_key: flux, override_params: {model: flux-dev}}\n"
            "- {name: b, provider: sandbox}"
        ),
        [("edits-unsupported", 6)],
    ),
    "edits by their picture": (
        (
            "strategy:\n  mode: conditional\n  conditions: [{query: {params.image: {$exists: true}}, then: a}]\n"
            "  default: b\ntargets:\n- {name: a, virtual_key: flux, override_params: {model: flux-dev}}\n"
            "- {name: b, provider: sandbox}"
        ),
        [("edits-unsupported", 6)],
    ),
    "edits that are led elsewhere": (
        (
            "strategy:\n  mode: conditional\n  conditions: [{query: {url.pathname: /v1/images/edits}, then: b}]\n"
            "  default: a\ntargets:\n- name: a\n  strategy: {mode: fallback}\n  targets:\n"
            f"  - {{virtual_key: openai-prod, {GPT}}}\n"
            "  - {virtual_key: flux, override_params: {model: flux-dev}}\n- {name: b, provider: sandbox}"
        ),
        [],
    ),
    "edits that fail by chance": (
        (
            f"strategy: {{mode: loadbalance}}\ntargets:\n- {{virtual_key: openai-prod, {GPT}}}\n"
            "- {virtual_key: flux, override_params: {model: flux-dev}}"
        ),
        [("edits-partly", 4)],
    ),
    # secrets
    "an object with a key in it": (
        (
            "provider: vertex-ai\nvertex_project_id: p\nvertex_region: global\nvertex_service_account_json:\n"
            '  client_email: a@b.example\n  private_key: "this is not-real"\n  token_uri: https://b.example'
        ),
        [("literal-secret", 6)],
    ),
    "what looks like a key": (
        "provider: sandbox\noverride_params:\n  sandbox: {x: sk-abcdefghijklmnop0123-not-real}\n",
        [("literal-secret", 3)],
    ),
    "what only begins like one": (
        "provider: sandbox\ndescription: a risk-assessment-of-everything-there-is, by sk-learn-and-other-things\n",
        [],
    ),
    "no key at all": (
        "provider: openai-compatible\napi_key: none\ncustom_host: https://images.example/v1",
        [],
    ),
    "a reference that is none": (
        'provider: openai\napi_key: "$${OPENAI_KEY}-not-real"',
        [("literal-secret", 2)],
    ),
    "a reference in part": ('provider: openai\napi_key: "sk-${OPENAI_KEY}"', []),
}


@pytest.mark.parametrize(("config", "expected"), CASES.values(), ids=CASES)
def test_a_config_is_told_of(config, expected):
    assert found(config) == expected


def test_a_day_decides():
    config = "virtual_key: openai-prod\noverride_params: {model: gpt-image-1-mini}"
    for day, expected in (
        (dt.date(2026, 9, 1), []),
        (dt.date(2026, 9, 2), [("model-retires-soon", 2)]),
        (dt.date(2026, 11, 30), [("model-retires-soon", 2)]),
        (dt.date(2026, 12, 1), [("model-retired", 2)]),
    ):
        assert found(config, today=day) == expected
    assert "in 1 day;" in said(config, "model-retires-soon", today=dt.date(2026, 11, 30))[0]


def test_who_stays_long_enough_is_named_in_place_of_who_goes():
    fields = (
        'api_key: "${KEY}"\nazure_resource_name: pictures\nazure_deployment_id: gpt-image-1.5\nazure_api_version: v1'
    )
    (message,) = said(f"provider: azure-openai\n{fields}", "model-retires-soon")
    assert "`gpt-image-2`" in message
    assert "`gpt-image-1`" not in message


def test_rows_of_the_operator_decide_what_is_known():
    config = "virtual_key: openai-prod\noverride_params: {model: dall-e-3}"
    served = Catalogue([row_of("openai", {"id": "dall-e-3", "like": "dall-e-2", "retires": None})])
    assert found(config, catalogue=served) == []
    mistyped = (
        "provider: openai-compatible\ncustom_host: https://images.example/v1\noverride_params: {model: flux-schnel}"
    )
    own = Catalogue([row_of("openai-compatible", {"id": "flux-schnell"})])
    assert found(mistyped, catalogue=own) == [("model-unknown", 3)]
    assert "did you mean `flux-schnell`?" in said(mistyped, "model-unknown", catalogue=own)[0]


def test_what_is_stored_may_hold_its_key_and_has_no_lines():
    data = {"provider": "openai", "api_key": "sk-this-one-is-not-real", "override_params": {"model": "dall-e-3"}}
    (problem,) = lint(stored(data))
    assert (problem.code, problem.path, problem.line, problem.file) == (
        "model-retired",
        "$.override_params.model",
        None,
        None,
    )
    many = {"strategy": {"mode": "fallback"}, "targets": [{"provider": "sandbox", "weight": 1} for _ in range(12)]}
    assert [problem.path for problem in lint(stored(many))] == [f"$.targets[{index}].weight" for index in range(12)]


GATEWAY = """\
server:
  store: postgresql://gateway:not-real-at-all@db.example/gateway
  redis: redis://cache.example:6379/0
  admin_key: this-key-is-not-real
  alert_webhook: https://hooks.example/x?token=this-one-is-not-real
virtual_keys:
  openai-prod: {provider: openai, api_key: sk-this-one-is-not-real}
  local: {provider: openai-compatible, api_key: none, custom_host: http://127.0.0.1:8000/v1}
  azure: {provider: azure-openai, api_key: "${AZURE_KEY}", azure_resource_name: pictures}
api_keys:
  - {name: team, key: this-key-is-not-real} # beamsplitter: ignore=literal-secret of the demo alone
  - {name: shop, key: "bs-${SHOP_KEY}"}
"""


def test_secrets_in_the_gateway_file_are_told_and_never_repeated(tmp_path):
    problems = lint_gateway_file(tmp_path / "gateway.yaml", GATEWAY)
    assert [(problem.code, problem.line) for problem in problems] == [("literal-secret", line) for line in (2, 4, 5, 7)]
    assert not any("not-real" in problem.message for problem in problems)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://gateway:not-real-at-all@db.example/gateway", 1),
        ("postgresql://gateway:${PASSWORD}@db.example/gateway", 0),
        ("${DATABASE}", 0),
        ("postgresql://gateway@db.example/gateway", 0),
        ("postgresql://gateway:@db.example/gateway", 0),
        ("https://images.example/a:b/c@d", 0),
        ("https://images.example/x?size=1024&key=this-is-not-real", 1),
        ("https://images.example/x?size=1024&key=${KEY}", 0),
    ],
)
def test_an_address_may_hold_a_secret(address, expected, tmp_path):
    problems = lint_gateway_file(tmp_path / "gateway.yaml", f'server: {{store: "{address}"}}\n')
    assert len(problems) == expected


@pytest.mark.parametrize("text", [None, "", "a: [", "- 1", "a: 1\na: 2"])
def test_a_gateway_file_that_cannot_be_read_is_told_elsewhere(text, tmp_path):
    assert lint_gateway_file(tmp_path / "gateway.yaml", text) == []


def test_hostile_names_are_shown_without_what_makes_them_hostile():
    name = "<img src=x>\\u202e\\u0085" + "n" * 90
    config = f'strategy: {{mode: single}}\ntargets:\n- provider: sandbox\n- {{provider: sandbox, name: "{name}"}}\n'
    (message,) = said(config, "target-unreachable")
    assert message.isprintable()
    assert len(message) < 200
    model = '"gpt\\u0007' + "x" * 300 + '"'
    (message,) = said(f"virtual_key: openai-prod\noverride_params: {{model: {model}}}", "model-unknown")
    assert message.isprintable()
    assert len(message) < 300


def test_the_same_is_said_each_time():
    config = linted("\n".join(config for config, _ in [CASES["no turn for the third"]]))
    assert lint(config) == lint(config)
