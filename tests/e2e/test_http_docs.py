"""The API's documents: every served route and no other, in both versions and on the page."""

import gzip
import http.client
import json
import re
import subprocess
import xml.etree.ElementTree as xml

import jsonschema
import pytest

from gateway_fakes import GatewayAlone
from quintet import contract as contracts
from quintet import env

METHODS = [(name, m) for name in contracts.FILES for m in contracts.read(name)["methods"]
           if "http" in m]
ROUTES = {(m["http"]["verb"].lower(), m["http"]["path"]): m["name"] for _, m in METHODS}
IDS = [m["name"] for _, m in METHODS]
PATHS = {"3.1": "/openapi.json", "3.0": "/openapi-3.0.json"}
FILES = {"/docs": "text/html; charset=utf-8", "/docs/style.css": "text/css; charset=utf-8",
         "/docs/page.js": "text/javascript; charset=utf-8",
         "/docs/mark.svg": "image/svg+xml", "/openapi.json": "application/json",
         "/openapi-3.0.json": "application/json", "/asyncapi.json": "application/json"}
# What the page needs, and nothing else: no source with "unsafe" in its name.
POLICY = {"default-src": "'none'", "script-src": "'self'", "style-src": "'self'",
          "img-src": "'self'", "connect-src": "'self'", "form-action": "'none'",
          "base-uri": "'none'", "frame-ancestors": "'none'",
          "require-trusted-types-for": "'script'"}


@pytest.fixture(scope="module")
def gw():
    with GatewayAlone() as stack:
        yield stack


@pytest.fixture(scope="module")
def documents(gw):
    found = {}
    for version, path in PATHS.items():
        status, found[version], _ = gw.http("GET", path)
        assert status == 200
    return found


@pytest.fixture(scope="module")
def page(gw):
    status, text, _ = gw.http("GET", "/docs", headers={"Accept": "text/html"})
    assert status == 200
    return text


@pytest.fixture(params=PATHS)
def document(request, documents):
    return documents[request.param]


def operations(document):
    return {(verb, path): op for path, item in document["paths"].items()
            for verb, op in item.items()}


def follow(document, value):
    while "$ref" in value:
        target = value["$ref"]
        assert target.startswith("#/")
        value = document
        for part in target[2:].split("/"):
            value = value[part]
            assert value is not None
    return value if "$ref" not in value else follow(document, value)


def everything(value):
    yield value
    for one in value.values() if isinstance(value, dict) else \
            value if isinstance(value, list) else ():
        yield from everything(one)


# --- what is in them ------------------------------------------------------------------------

def test_routes_are_those_of_the_contracts(document):
    found = {route: op["operationId"] for route, op in operations(document).items()}
    assert found == ROUTES


def test_versions(documents):
    assert documents["3.1"]["openapi"] == "3.1.0"
    assert documents["3.0"]["openapi"] == "3.0.3"
    for document in documents.values():
        assert document["info"]["version"] == (env.ROOT / "VERSION").read_text().strip()


def test_server_is_the_public_url(gw, document):
    assert document["servers"] == [{"url": gw.url}]


def test_references_lead_somewhere(document):
    references = [v for v in everything(document)
                  if isinstance(v, dict) and isinstance(v.get("$ref"), str)]
    assert len(references) > 100
    for value in references:
        assert follow(document, value)


def test_each_service_is_a_tag(document):
    names = [t["name"] for t in document["tags"]]
    assert set(names) == {name.split(".")[0] for name in ROUTES.values()}
    assert all(t["description"] for t in document["tags"])
    for op in operations(document).values():
        assert op["tags"] == [op["operationId"].split(".")[0]]


@pytest.mark.parametrize("service, method", METHODS, ids=IDS)
def test_operation(document, service, method):
    root = contracts.read(service)
    op = document["paths"][method["http"]["path"]][method["http"]["verb"].lower()]
    needed = method["auth"] in ("user", "admin")
    assert op["security"] == ([{"bearer": []}] if needed else [])
    assert op["summary"] == method["summary"]
    names = {kind: [p["name"] for p in op.get("parameters", []) if p["in"] == kind]
             for kind in ("path", "query", "header")}
    assert names["path"] == list(method.get("params", {}))
    assert names["query"] == list(method.get("query", {}).get("properties", {}))
    forwarded = {"Idempotency-Key", "If-Match", "If-None-Match"}
    assert set(names["header"]) == forwarded & set(method.get("headers", []))
    assert ("requestBody" in op) == ("body" in method)
    if "body" in method:
        check_body(document, op, method, root)
    check_responses(document, op, method, root)


def check_body(document, op, method, root):
    content = op["requestBody"]["content"]
    assert list(content) == ["application/json", "application/x-www-form-urlencoded",
                             "multipart/form-data"]
    schema = contracts.resolve(method["body"], root)
    for media in content.values():
        shown = follow(document, media["schema"])
        assert list(shown["properties"]) == list(schema["properties"])
        partial = method["http"]["verb"] == "PATCH"
        assert shown.get("required", []) == ([] if partial else schema.get("required", []))
        assert media["example"] in [e.get("body") for e in method["examples"]]


def check_responses(document, op, method, root):
    errors = {row["code"]: row for row in contracts.read("errors")["errors"]}
    success = op["responses"][str(method["http"]["success"])]
    content = success.get("content", {})
    assert (method.get("produces") in content) == ("produces" in method)
    if "response" in method:
        schema = contracts.resolve(method["response"], root)
        shown = follow(document, content["application/json"]["schema"])
        assert list(shown["properties"]) == list(schema["properties"])
    for code in method.get("errors", []):
        response = op["responses"][str(errors[code]["status"])]
        example = response["content"]["application/json"]["examples"][code]
        assert follow(document, example)["value"]["code"] == code


def test_error_examples_are_envelopes(document):
    schema = document["components"]["schemas"]["error"]
    for code, example in document["components"]["examples"].items():
        value = example["value"]
        jsonschema.Draft202012Validator(schema).validate(value)
        assert value["code"] == code


def test_an_error_looks_as_documented(gw, document):
    _, value, _ = gw.http("POST", "/api/products", {})
    example = document["components"]["examples"]["not_authenticated"]["value"]
    assert {**value, "request_id": ""} == {**example, "request_id": ""}


# --- are they OpenAPI? ----------------------------------------------------------------------

def test_3_0_knows_nothing_of_3_1(documents):
    for schema in everything(documents["3.0"]["components"]["schemas"]):
        if isinstance(schema, dict):
            assert not isinstance(schema.get("type"), list)
            assert "const" not in schema
    product = documents["3.0"]["components"]["schemas"]["catalog.product"]["properties"]
    assert product["created_by"] == {"type": "string", "nullable": True}
    product = documents["3.1"]["components"]["schemas"]["catalog.product"]["properties"]
    assert product["created_by"] == {"type": ["string", "null"]}


VALIDATE = """
use JSON::Validator::Schema::OpenAPIv3;
use JSON::PP;
local $/;
my $schema = JSON::Validator::Schema::OpenAPIv3->new(decode_json(<STDIN>));
print "$_\\n" for @{$schema->errors};
"""


def complaints(document):
    done = subprocess.run(["perl", "-e", VALIDATE], input=json.dumps(document), text=True,
                          capture_output=True, check=False, timeout=env.seconds(60))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_3_0_passes_its_validator(documents):
    assert complaints(documents["3.0"]) == ""


def test_the_validator_sees_mistakes(documents):
    wrong = json.loads(json.dumps(documents["3.0"]))
    del wrong["paths"]["/health"]["get"]["responses"]
    assert "responses" in complaints(wrong)


def test_3_1_schemas_are_json_schema(documents):
    for schema in documents["3.1"]["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_examples_fit_the_schemas(documents):
    document = documents["3.1"]
    resolver = jsonschema.RefResolver("", document)
    checked = 0
    for op in operations(document).values():
        for part in [op.get("requestBody", {}), *op["responses"].values()]:
            media = part.get("content", {}).get("application/json", {})
            if "example" in media:
                jsonschema.Draft202012Validator(media["schema"], resolver=resolver) \
                    .validate(media["example"])
                checked += 1
    assert checked > 10


def test_every_answer_with_a_body_has_an_example(documents):
    """All but the documents themselves: their example is the one that is being read."""
    for name, op in operations(documents["3.1"]).items():
        for status, answer in op["responses"].items():
            media = answer.get("content", {}).get("application/json")
            if status.startswith("2") and media:
                assert "example" in media or op["operationId"].startswith("gateway."), name


# --- how they are served --------------------------------------------------------------------

@pytest.mark.parametrize("path", FILES)
def test_served_with_an_etag(gw, path):
    status, value, headers = gw.http("GET", path)
    assert (status, headers["Content-Type"]) == (200, FILES[path])
    assert value
    assert headers["Cache-Control"] == "no-cache"
    tag = headers["ETag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        status, value, again = gw.http("GET", path, headers={"If-None-Match": known})
        assert (status, value, again["ETag"]) == (304, "", tag)
    assert gw.http("GET", path, headers={"If-None-Match": '"x"'})[0] == 200


def test_the_style_begins_with_the_colours_of_all_pages(gw):
    _, style, _ = gw.http("GET", "/docs/style.css")
    assert style.startswith((env.ROOT / "lib/svc/web/tokens.css").read_text())


@pytest.mark.parametrize("path", FILES)
def test_head(gw, path):
    _, _, got = gw.http("GET", path)
    status, value, headers = gw.http("HEAD", path)
    assert (status, value, headers["Content-Length"]) == (200, "", got["Content-Length"])


def test_other_verbs_are_refused(gw):
    status, _, headers = gw.http("POST", "/docs", {})
    assert (status, headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert gw.http("GET", "/docs/other.css")[0] == 404


def test_slash(gw, page):
    assert gw.http("GET", "/docs/")[1] == page


@pytest.mark.parametrize("flag, version", [([], "3.1"), (["--3.0"], "3.0")])
def test_verb(gw, documents, flag, version):
    assert json.loads(gw.verb("gateway", "openapi", *flag).stdout) == documents[version]


def test_verb_refuses_other_words(gw):
    assert gw.verb("gateway", "openapi", "--2.0", check=False).returncode == 64


def test_documents_travel_packed_for_who_can_unpack(gw):
    for path, kind in FILES.items():
        def get(coding, known='"x"'):
            connection = http.client.HTTPConnection("127.0.0.1", gw.port["gateway.http"], timeout=env.seconds(20))
            connection.request("GET", path, headers={"Accept-Encoding": coding, "Accept": "*/*", "If-None-Match": known})
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            return answer, body
        (plain, whole), (packed, small) = get("identity"), get("gzip, br")
        assert plain.headers["Content-Type"] == packed.headers["Content-Type"] == kind
        assert packed.headers["Content-Encoding"] == "gzip" and "Content-Encoding" not in plain.headers
        assert gzip.decompress(small) == whole and len(small) < len(whole)
        assert get("gzip;q=0")[1] == whole
        assert "Accept-Encoding" in ", ".join(packed.headers.get_all("Vary"))
        assert packed.headers["ETag"] != plain.headers["ETag"]
        assert get("gzip", packed.headers["ETag"])[0].status == 304
        assert get("gzip", plain.headers["ETag"])[0].status == 200


# --- the events -----------------------------------------------------------------------------

EVENTS = [(name, e) for name in contracts.FILES for e in contracts.read(name).get("events", [])]
TOPICS = {f"{e['stream']}.v{e['version']}.{e['type']}": (service, e) for service, e in EVENTS}


@pytest.fixture(scope="module")
def events(gw):
    status, found, _ = gw.http("GET", "/asyncapi.json")
    assert status == 200
    return found


def test_channels_are_the_topics_of_the_contracts(gw, events):
    assert events["asyncapi"] == "2.6.0"
    assert events["info"]["version"] == (env.ROOT / "VERSION").read_text().strip()
    assert set(events["channels"]) == {*TOPICS, *(f"beacon.{e['stream']}" for _, e in EVENTS)}
    assert len(TOPICS) == len(EVENTS) > 9
    names = [c["subscribe"]["operationId"] for c in events["channels"].values()]
    assert len(set(names)) == len(names)
    for channel in events["channels"].values():
        assert set(channel) == {"subscribe"} and channel["subscribe"]["summary"]
        message = follow(events, channel["subscribe"]["message"])
        assert message["messageId"] == message["name"] == channel["subscribe"]["operationId"]
        assert message["contentType"] == events["defaultContentType"] == "application/json"
        jsonschema.Draft7Validator.check_schema(message["payload"])
    for value in everything(events):
        if isinstance(value, dict) and isinstance(value.get("$ref"), str):
            assert follow(events, value)


@pytest.mark.parametrize("topic", TOPICS)
def test_message_is_the_contracts(events, topic):
    service, event = TOPICS[topic]
    root = contracts.read(service)
    message = follow(events, events["channels"][topic]["subscribe"]["message"])
    emitters = [m["name"] for m in root["methods"] if event["type"] in m.get("emits", [])]
    assert message.get("x-emitted-by", []) == emitters
    assert message["summary"] == event["summary"]
    shared, own = (follow(events, part) for part in message["payload"]["allOf"])
    pull = next(m for m in root["methods"] if m["name"] == f"{service}.events.pull")
    item = pull["response"]["properties"]["events"]["items"]
    assert list(shared["properties"]) == list(item["properties"])
    assert shared["required"] == item["required"]
    assert own["properties"]["type"] == {"const": event["type"]}
    assert own["properties"]["version"] == {"const": event["version"]}
    payload = own["properties"]["payload"]
    assert list(payload["properties"]) == list(event["payload"]["properties"])
    assert payload["required"] == event["payload"]["required"]


def test_events_verb(gw, events):
    assert json.loads(gw.verb("gateway", "asyncapi").stdout) == events
    assert gw.verb("gateway", "asyncapi", "3.0", check=False).returncode == 64


# --- the page -------------------------------------------------------------------------------

def tree(page):
    assert page.startswith("<!doctype html>\n")
    return xml.fromstring(page.split("\n", 1)[1])


def test_policy_allows_nothing_inline(gw):
    _, _, headers = gw.http("GET", "/docs")
    policy = dict(part.strip().split(" ", 1)
                  for part in headers["Content-Security-Policy"].split(";"))
    assert policy == POLICY


def test_page_keeps_its_policy(page):
    for node in tree(page).iter():
        assert node.tag != "style"
        assert not [a for a in node.attrib if a == "style" or a.startswith("on")]
        if node.tag == "script":
            assert (node.get("type"), node.get("src")) == ("module", "/docs/page.js")
            assert not node.text
        for attribute in ("src", "href"):
            assert node.get(attribute, "/").startswith(("/", "#"))


def test_page_links_lead_somewhere(gw, page):
    root = tree(page)
    ids = [n.get("id") for n in root.iter() if n.get("id")]
    assert len(ids) == len(set(ids))
    for node in root.iter("a"):
        link = node.get("href")
        assert link[1:] in ids if link.startswith("#") else gw.http("GET", link)[0] == 200


@pytest.mark.parametrize("name", IDS)
def test_page_shows_the_operation(page, name):
    root = tree(page)
    route = next(r for r, n in ROUTES.items() if n == name)
    article = next(n for n in root.iter("article") if n.get("id") == name)
    assert (article.get("data-verb"), article.get("data-path")) == route
    links = [n.get("href") for n in root.find(".//nav").iter("a")]
    assert links.count(f"#{name}") == 1


def test_page_has_no_skipped_heading(page):
    levels = [int(n.tag[1]) for n in tree(page).iter() if re.fullmatch(r"h\d", n.tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in zip(levels, levels[1:]))


def test_curl_examples_are_shell(page):
    shown = [n for n in tree(page).iter("pre") if n.get("class") == "curl"]
    assert len(shown) == len(ROUTES)
    for node in shown:
        done = subprocess.run(["sh", "-n"], input=node.text, text=True, check=False,
                              capture_output=True, timeout=env.seconds(20))
        assert done.returncode == 0, done.stderr
        assert node.text.startswith("curl -s ")


def test_curl_example_works(gw, page):
    text = next(n.text for n in tree(page).iter("pre")
                if n.get("class") == "curl" and n.text.endswith("/openapi.json'"))
    done = subprocess.run(["sh", "-c", text], capture_output=True, check=True,
                          timeout=env.seconds(20))
    assert json.loads(done.stdout)["openapi"] == "3.1.0"
