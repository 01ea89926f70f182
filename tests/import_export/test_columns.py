import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from rotor_mcp.api.models import READ_NAMES, LeadFields
from rotor_mcp.import_export import header_synonyms
from rotor_mcp.import_export.columns import NOT_WRITABLE, ColumnError, match_columns
from rotor_mcp.import_export.header_synonyms import COMPANY, NAME_PARTS, match_header
from rotor_mcp.import_export.row_reading import FIELDS, CellRemark, ColumnMapping
from rotor_mcp.import_export.table import Row, Table
from rotor_mcp.leads.requests import UpsertRequest
from rotor_mcp.leads.validation import parse
from tests.import_export.tables import read_table

ID = "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"


def table(*lines: str) -> Table:
    return read_table("\n".join(lines).encode(), "-")


def matched(
    *lines: str, region: str = "US", **given_fields: str
) -> tuple[ColumnMapping, list[dict[str, Any]]]:
    rows = table(*lines)
    columns = match_columns(rows, given_fields, region=region)
    return columns, [columns.read(row).arguments for row in rows.rows]


def refused(*lines: str, **given_fields: str) -> str:
    with pytest.raises(ColumnError) as caught:
        matched(*lines, **given_fields)
    return str(caught.value)


def test_a_sheet_of_a_home_show() -> None:
    columns, arguments = matched(
        "First name,Last name,E-mail,Mobile,Cell,Street address,Apt,City,State,Zip code,Services,How did you hear about us?,Follow-up date,Quote amount,Priority,Notes,Comments,Tags,Shoe size,Status,Budget",
        'Zoë,Doe,zoe@example.com,(763) 555-0100,763-555-0100,214 Oak Street,N/A,Delano,MN,55328,Window Cleaning,Home show,12/1/2026 2:30 PM,"$1,200.50",High,Gate is open,"Dog, big","quarterly, exact-quote",9,New,$500',
        "Sam,,,,7635550102,,,,,,,,1/13/27,,,,,,,,",
        ",Null,,555-0142,555-0143,,,,,,,,,-,,,Call first,,,,",
    )
    assert columns.describe() == snapshot(
        [
            "First name → name (with Last name)",
            "Last name → name (with First name)",
            "E-mail → email",
            "Mobile → phone",
            "Cell → phone, where Mobile is blank; otherwise to the notes",
            "Street address → address_street1",
            "Apt → address_street2",
            "City → address_city",
            "State → address_state",
            "Zip code → address_zip",
            "Services → service_type",
            "How did you hear about us? → source",
            "Follow-up date → follow_up_date, 12/1/2026 read as month/day/year",
            "Quote amount → projected_value",
            "Priority → priority",
            'Notes → notes, as "Notes: …"',
            'Comments → notes, as "Comments: …"',
            "Tags → tags",
            'Shoe size: left out, such as "9" (1 row)',
            'Status: left out, such as "New" (1 row)',
            'Budget: left out, such as "$500" (1 row)',
        ]
    )
    assert arguments == snapshot(
        [
            {
                "name": "Zoë Doe",
                "phone": "(763) 555-0100",
                "email": "zoe@example.com",
                "priority": "High",
                "projected_value": "1200.50",
                "follow_up_date": "2026-12-01T14:30:00",
                "service_type": "Window Cleaning",
                "source": "Home show",
                "tags": ["quarterly", "exact-quote"],
                "address_street1": "214 Oak Street",
                "address_city": "Delano",
                "address_state": "MN",
                "address_zip": "55328",
                "notes": """\
Notes: Gate is open
Comments: Dog, big\
""",
            },
            {"name": "Sam", "phone": "7635550102", "follow_up_date": "2027-01-13"},
            {
                "name": "Null",
                "phone": "555-0142",
                "notes": """\
Comments: Call first
Cell: 555-0143\
""",
            },
        ]
    )
    for given_arguments in arguments:
        parse(UpsertRequest, given_arguments)


def test_google_contacts() -> None:
    columns, arguments = matched(
        "First Name,Middle Name,Last Name,Organization Name,Birthday,Notes,Photo,Labels,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Phone 2 - Value,Address 1 - Label,Address 1 - Formatted,Address 1 - Street,Address 1 - City,Address 1 - Region,Address 1 - Postal Code,Address 1 - Country,Address 2 - Street",
        "Jane,Q,Doe,Doe Inc,1980-01-01,Gate,http://x,* myContacts ::: Leads,* Home,jane@example.com,Mobile,763-555-0100 ::: 763-555-0101,(763) 555-0100,Home,all of it,214 Oak Street,Delano,MN,55328,US,1 Elm",
    )
    assert columns.describe() == snapshot(
        [
            "First Name → name (with Middle Name and Last Name)",
            "Middle Name → name (with First Name and Last Name)",
            "Last Name → name (with First Name and Middle Name)",
            "Organization Name → name, where First Name and Middle Name and Last Name are blank",
            'Birthday: left out, such as "1980-01-01" (1 row)',
            "Notes → notes",
            'Photo: left out, such as "http://x" (1 row)',
            "Labels → tags",
            'E-mail 1 - Label: left out, such as "* Home" (1 row)',
            "E-mail 1 - Value → email",
            'Phone 1 - Label: left out, such as "Mobile" (1 row)',
            "Phone 1 - Value → phone",
            "Phone 2 - Value → phone, where Phone 1 - Value is blank; otherwise to the notes",
            'Address 1 - Label: left out, such as "Home" (1 row)',
            'Address 1 - Formatted: left out, such as "all of it" (1 row)',
            "Address 1 - Street → address_street1",
            "Address 1 - City → address_city",
            "Address 1 - Region → address_state",
            "Address 1 - Postal Code → address_zip",
            "Address 1 - Country → address_country",
            'Address 2 - Street: left out, such as "1 Elm" (1 row)',
        ]
    )
    assert arguments == snapshot(
        [
            {
                "name": "Jane Q Doe",
                "phone": "763-555-0100",
                "email": "jane@example.com",
                "tags": ["Leads"],
                "address_street1": "214 Oak Street",
                "address_city": "Delano",
                "address_state": "MN",
                "address_zip": "55328",
                "address_country": "US",
                "notes": """\
Gate
Organization Name: Doe Inc
Phone 1 - Value: 763-555-0101\
""",
            }
        ]
    )


def test_facebook_lead_ads() -> None:
    columns, arguments = matched(
        "id\tcreated_time\tad_name\tplatform\twhat_services_are_you_interested_in?\tfull_name\tphone_number\temail\tstreet_address\tpost_code\tlead_status",
        "l:123\t2026-01-01\tSpring\tfb\tGutter Cleaning\tJane Doe\tp:+17635550100\tjane@example.com\t214 Oak Street\tz:55328\tCREATED",
    )
    assert columns.describe() == snapshot(
        [
            'id: left out, as its values are not Rotor\'s lead ids, such as "l:123" (1 row)',
            'created_time: left out, such as "2026-01-01" (1 row)',
            'ad_name: left out, such as "Spring" (1 row)',
            'platform: left out, such as "fb" (1 row)',
            "what_services_are_you_interested_in? → service_type",
            "full_name → name",
            "phone_number → phone",
            "email → email",
            "street_address → address_street1",
            "post_code → address_zip",
            'lead_status: left out, as it tells Facebook\'s own state of the form, such as "CREATED" (1 row)',
        ]
    )
    assert arguments == snapshot(
        [
            {
                "name": "Jane Doe",
                "phone": "+17635550100",
                "email": "jane@example.com",
                "service_type": "Gutter Cleaning",
                "address_street1": "214 Oak Street",
                "address_zip": "55328",
            }
        ]
    )


def test_our_own_export() -> None:
    columns, arguments = matched(
        "id,name,phone,email,stage,priority,projected_value,follow_up_date,service_type,source,tags,address_street1,address_street2,address_city,address_state,address_zip,address_country,archived,archived_at,created_at,assigned_to,location,value_score,notes,confirm,reason,row",
        f'{ID},Jane Doe,\'+1 763 555 0100,jane@example.com,Quoted,high,1200,2026-12-01,"Window Cleaning, Screen Cleaning",Website,"exact-quote, a;b",214 Oak Street,,Delano,MN,55328,US,no,,2026-01-01 09:30,u1,"45, -93",7,"two\nlines",t0ken,the phone,1',
    )
    assert columns.describe() == snapshot(
        [
            "id → id",
            "name → name",
            "phone → phone",
            "email → email",
            "stage → stage",
            "priority → priority",
            "projected_value → projected_value",
            "follow_up_date → follow_up_date",
            "service_type → service_type",
            "source → source",
            "tags → tags",
            "address_street1 → address_street1",
            "address_street2 → address_street2",
            "address_city → address_city",
            "address_state → address_state",
            "address_zip → address_zip",
            "address_country → address_country",
            "archived: left out, not writable",
            "archived_at: left out, not writable",
            "created_at: left out, not writable",
            "assigned_to: left out, not writable",
            "location: left out, not writable",
            "value_score: left out, not writable",
            "notes → notes",
            "confirm → confirm",
            "reason: left out, not writable",
            "row: left out, not writable",
        ]
    )
    assert arguments == snapshot(
        [
            {
                "name": "Jane Doe",
                "phone": "+1 763 555 0100",
                "email": "jane@example.com",
                "stage": "Quoted",
                "priority": "high",
                "projected_value": "1200",
                "follow_up_date": "2026-12-01",
                "service_type": "Window Cleaning, Screen Cleaning",
                "source": "Website",
                "tags": ["exact-quote", "a;b"],
                "address_street1": "214 Oak Street",
                "address_city": "Delano",
                "address_state": "MN",
                "address_zip": "55328",
                "address_country": "US",
                "notes": """\
two
lines\
""",
                "id": "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e",
                "confirm": "t0ken",
            }
        ]
    )


def test_names_that_rotor_answers_with() -> None:
    columns, arguments = matched(
        "id,name," + ",".join(READ_NAMES.values()), f"{ID},Jane Doe," + ",".join(READ_NAMES)
    )
    assert arguments == [{"id": ID, "name": "Jane Doe"} | {field: field for field in READ_NAMES}]
    assert "left out" not in " ".join(columns.describe())


def test_every_field_is_known_by_its_name() -> None:
    known = {field: found.field for field in LeadFields.model_fields if (found := match_header(field))}
    assert known == {field: field for field in LeadFields.model_fields}


def test_every_word_means_what_the_table_says() -> None:
    # A word in two places would quietly mean the last of them.
    tables = (header_synonyms._WORDS, header_synonyms._ADDRESS_WORDS)
    said = [(word, field) for words in tables for field, known in words.items() for word in known]
    assert [
        (word, field) for word, field in said if (found := match_header(word)) is None or found.field != field
    ] == []
    assert {field for _, field in said} == {*FIELDS, *NAME_PARTS, COMPANY} - {"confirm"}


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("firstName", "first_name"),
        ("FIRST_NAME", "first_name"),
        ("First-Name*", "first_name"),
        ("ZIPCode", "address_zip"),
        ("Phone #", "phone"),
        ("Notes (2)", "notes"),
        ("Phone 3", "phone"),
        ("Phone (mobile)", "phone"),
        ("E-mail 2 - Value", "email"),
        ("Street 2", "address_street2"),
        ("Home Postal Code", "address_zip"),
        ("Service Street 1", "address_street1"),
        ("Property Street 2", "address_street2"),
        ("Middle name", "middle_name"),
        ("Main Phone #s", "phone"),
        ("Phone numbers", "phone"),
        ("home_number", "phone"),
        ("What is your phone number?", "phone"),
        ("What\u2019s your name?", "name"),
        ("Your E-mail Address (required)", "email"),
        ("Best number to reach you at", "phone"),
        ("Company / Account", "company"),
        ("Name Suffix", "name_suffix"),
    ],
)  # fmt: skip
def test_headers_that_are_known(header: str, field: str) -> None:
    found = match_header(header)
    assert found is not None
    assert found.field == field


@pytest.mark.parametrize(
    "header",
    [
        *("Status", "Region", "TenantState", "Budget", "Date", "Title", "Owner", "Confirm", "County", "Fax", "Quote"),
        *("Street (2)", "Name (2)", "Phone (2)", "City (2)", "City 2", "Address 2 - City", "Billing City", "Mailing Address", "Work zip"),
        *("Phone type", "E-mail 1 - Label", "Email opt in", "Birthday", "Created", "Customer ID"),
        *("Value 2", "2", "", "???", "電話", "column 7", "Lead State"),
    ],
)  # fmt: skip
def test_headers_that_are_not_sure(header: str) -> None:
    assert match_header(header) is None


def test_a_full_name_wins_over_its_parts() -> None:
    columns, arguments = matched("First,Last,Display name", "Jane,Doe,Jane & Bob Doe", "Sam,Roe,", ",Roe,")
    assert columns.describe() == snapshot(
        [
            "First → name (with Last), to complete Display name",
            "Last → name (with First), to complete Display name",
            "Display name → name",
        ]
    )
    assert arguments == [{"name": "Jane & Bob Doe"}, {"name": "Sam Roe"}, {"name": "Roe"}]


def test_a_name_has_one_first_and_one_last_part() -> None:
    columns, arguments = matched("First,Given name,Last", "Jane,Janet,Doe", ",Sam,Roe")
    assert columns.describe() == snapshot(
        [
            "First → name (with Last)",
            "Given name → name (with Last), where First is blank",
            "Last → name (with First or Given name)",
        ]
    )
    assert arguments == [{"name": "Jane Doe", "notes": "Given name: Janet"}, {"name": "Sam Roe"}]


def test_other_columns_fill_in_and_what_differs_goes_to_the_notes() -> None:
    columns, arguments = matched(
        "Phone,Work phone,Cell,Email,Other email",
        "(763) 555-0100,763.555.0100,+1 763 555 0101,A@b.co,a@b.co",
        ",763-555-0100,555-0142,,c@d.co",
        "n/a,,555-0142,a@b.co,",
        "555-0142,,,a@b.co,c@d.co",
    )
    assert columns.describe() == snapshot(
        [
            "Phone → phone",
            "Work phone → phone, where Phone is blank; otherwise to the notes",
            "Cell → phone, where Phone and Work phone are blank; otherwise to the notes",
            "Email → email",
            "Other email → email, where Email is blank; otherwise to the notes",
        ]
    )
    assert arguments == [
        {"phone": "(763) 555-0100", "email": "A@b.co", "notes": "Cell: +1 763 555 0101"},
        {"phone": "763-555-0100", "email": "c@d.co", "notes": "Cell: 555-0142"},
        {"phone": "555-0142", "email": "a@b.co"},
        {"phone": "555-0142", "email": "a@b.co", "notes": "Other email: c@d.co"},
    ]


def test_notes_and_tags_are_joined() -> None:
    columns, arguments = matched(
        "Name,Notes,Message,Tags,Labels", 'Sam,one,"two\nthree","a, b","b; c"', "Jane,,only,,"
    )
    assert columns.describe() == snapshot(
        [
            "Name → name",
            'Notes → notes, as "Notes: …"',
            'Message → notes, as "Message: …"',
            "Tags → tags",
            "Labels → tags",
        ]
    )
    assert arguments == [
        {"name": "Sam", "tags": ["a", "b", "c"], "notes": "Notes: one\nMessage: two\nthree"},
        {"name": "Jane", "notes": "Message: only"},
    ]
    assert matched("Name,Notes", "Sam,one")[1] == [{"name": "Sam", "notes": "one"}]


@pytest.mark.parametrize(
    ("header", "row", "address"),
    [
        ("Name,Street,City,Property street,Property city", "Sam,1 Elm,Delano,2 Oak,Buffalo", ("2 Oak", "Buffalo")),
        ("Name,Street,City,Property street,Property city", "Sam,1 Elm,Delano,,", ("1 Elm", "Delano")),
        ("Name,Street,City,Property street,Property city", "Sam,1 Elm,Delano,2 Oak,", ("2 Oak", None)),
        ("Name,Street,City,Property city", "Sam,1 Elm,Delano,Buffalo", ("1 Elm", "Delano")),
        ("Name,Home city,City", "Sam,Delano,Buffalo", (None, "Buffalo")),
        ("Name,Home street,Home city,City", "Sam,1 Elm,Delano,Buffalo", ("1 Elm", "Delano")),
        ("Name,City,Town", "Sam,,Delano", (None, "Delano")),
    ],
)  # fmt: skip
def test_no_lead_gets_the_street_of_one_address_and_the_city_of_another(
    header: str, row: str, address: tuple[str | None, str | None]
) -> None:
    _, (arguments,) = matched(header, row)
    assert (arguments.get("address_street1"), arguments.get("address_city")) == address


def test_an_address_that_is_left_out_is_said() -> None:
    columns, _ = matched("Name,Street,Service street", "Sam,1 Elm,2 Oak")
    assert columns.describe() == snapshot(
        [
            "Name → name",
            'Street: left out, as it belongs to another address, such as "1 Elm" (1 row)',
            "Service street → address_street1",
        ]
    )


def test_ids_of_other_programs_are_left_out() -> None:
    columns, arguments = matched("Name,Lead ID", "Sam,1001", "Jane,1002")
    assert columns.describe() == snapshot(
        ["Name → name", 'Lead ID: left out, as its values are not Rotor\'s lead ids, such as "1001" (2 rows)']
    )
    assert arguments == [{"name": "Sam"}, {"name": "Jane"}]
    # One that was typed wrong among Rotor's is refused later, in its own row.
    assert matched("ID", ID, "1001")[1] == [{"id": ID}, {"id": "1001"}]


def test_confirm_is_known_by_this_header_alone() -> None:
    assert matched("name,confirm", "Sam,t0ken")[1] == [{"name": "Sam", "confirm": "t0ken"}]
    assert matched("name,Confirm", "Sam,yes")[1] == [{"name": "Sam"}]


def test_what_the_person_says_comes_first() -> None:
    lines = ("Name,Phone,Alt,Status,Notes,Gate code", "Sam,555-0142,555-0143,New,Hello,1234")
    columns, arguments = matched(
        *lines, ALT="phone", status=" Stage ", notes="-", **{" gate  code": "notes", "name": ""}
    )
    assert columns.describe() == snapshot(
        [
            "Name: left out, as asked",
            "Phone → phone, where Alt is blank; otherwise to the notes",
            "Alt → phone",
            "Status → stage",
            "Notes: left out, as asked",
            "Gate code → notes",
        ]
    )
    assert arguments == [{"phone": "555-0143", "stage": "New", "notes": "1234\nPhone: 555-0142"}]


def test_an_address_that_the_person_names_is_not_mixed() -> None:
    columns, arguments = matched(
        "Name,Street,Billing street", "Sam,1 Elm,", **{"Billing street": "address_street1"}
    )
    assert columns.describe() == snapshot(
        [
            "Name → name",
            'Street: left out, as another column is address_street1, such as "1 Elm" (1 row)',
            "Billing street → address_street1",
        ]
    )
    assert arguments == [{"name": "Sam"}]
    # The city beside that street goes with it; a city without one stays.
    lines = ("Name,Street,City,Home zip,Billing street", "Sam,1 Elm,Delano,55328,2 Oak")
    assert matched(*lines, **{"Billing street": "address_street1"})[1] == [
        {"name": "Sam", "address_street1": "2 Oak", "address_zip": "55328"}
    ]


def test_parts_of_a_name_in_another_language() -> None:
    columns, arguments = matched("Vorname,Nachname", "Jane,Doe", Nachname="last_name", Vorname="first_name")
    assert columns.describe() == snapshot(
        ["Vorname → name (with Nachname)", "Nachname → name (with Vorname)"]
    )
    assert arguments == [{"name": "Jane Doe"}]


def test_what_does_not_exist() -> None:
    lines = ("Name,Mobile phone", "Sam,555-0142")
    assert refused(*lines, **{"Mobil phone": "phone"}) == snapshot(
        "There is no column Mobil phone: did you mean Mobile phone?"
    )
    assert refused(*lines, Kontakt="phone") == snapshot(
        "There is no column Kontakt: there are Name, Mobile phone"
    )
    assert refused(*lines, Name="nam") == snapshot("There is no field nam: did you mean name?")
    assert refused(*lines, Name="lead_source") == snapshot(
        "There is no field lead_source: did you mean source?"
    )
    assert refused(*lines, Name="zzzz") == snapshot(
        "There is no field zzzz: there are name, phone, email, stage, priority, projected_value, follow_up_date, service_type, source, tags, address_street1, address_street2, address_city, address_state, address_zip, address_country, notes, id, confirm, name_prefix, first_name, middle_name, last_name, name_suffix, company"
    )


def test_somebody_must_be_meant() -> None:
    assert refused("Kontakt,Stadt,City", "Sam,Delano,Delano") == snapshot(
        'No column says whom a row is about: a name, a phone, an e-mail or a lead id. The columns are Kontakt ("Sam"), Stadt ("Delano"), City ("Delano"). Say which is which, such as --map "Kontakt=name"'
    )
    assert refused("Name,City", "Sam,Delano", Name="-") == snapshot(
        'No column says whom a row is about: a name, a phone, an e-mail or a lead id. The columns are Name ("Sam"), City ("Delano"). Say which is which, such as --map "Name=name"'
    )
    assert refused(",".join(f"c{number}" for number in range(40)), "1").endswith(
        'c28, c29 and 10 more. Say which is which, such as --map "c0=name"'
    )


@pytest.mark.parametrize("field", ["id", "phone", "email", "name", "first_name", "last_name"])
def test_any_of_these_says_who_is_meant(field: str) -> None:
    assert len(matched("x", "1", x=field)[1]) == 1


def test_what_our_own_files_hold_and_cannot_be_written() -> None:
    assert set(NOT_WRITABLE) == {
        *("archived", "archived_at", "assigned_to", "created_at", "location", "value_score"),
        *("reason", "row"),
    }


def described(*lines: str, **given_fields: str) -> tuple[list[str], tuple[str, ...]]:
    columns, _ = matched(*lines, **given_fields)
    return columns.describe(), columns.warnings


def test_contacts_are_recognized_by_their_look() -> None:
    columns, arguments = matched(
        "Name,Ansprechbar unter,Elektropost,Spalte",
        "Ann,612-555-0101 (cell),ann@example.com,1",
        "Bob,(612) 555-0102,,2",
    )
    assert columns.describe() == snapshot(
        [
            "Name → name",
            "Ansprechbar unter → phone, by what it holds",
            "Elektropost → email, by what it holds",
            'Spalte: left out, such as "1" (2 rows)',
        ]
    )
    assert arguments == [
        {"name": "Ann", "phone": "612-555-0101", "email": "ann@example.com"},
        {"name": "Bob", "phone": "(612) 555-0102"},
    ]


def test_what_looks_like_contacts_and_is_left_out_is_said() -> None:
    rows = [f"P{n},612-555-01{n:02},rita@brightside.example.com,6125550{n:03},bob@x.com" for n in range(8)]
    assert described("Name,Phone,Lead Owner Email,Fax,Wer", *rows) == snapshot(
        (
            [
                "Name → name",
                "Phone → phone",
                'Lead Owner Email: left out, although it holds e-mails, such as "rita@brightside.example.com" (8 rows), as its header names somebody else',
                'Fax: left out, although it holds phones, such as "6125550000" (8 rows), as its header names somebody else',
                'Wer: left out, although it holds e-mails, such as "bob@x.com" (8 rows), as many rows hold the same',
            ],
            (
                'Lead Owner Email holds e-mails and is left out, as its header names somebody else. To take it: --map "Lead Owner Email=email"',
                'Fax holds phones and is left out, as its header names somebody else. To take it: --map "Fax=phone"',
                'Wer holds e-mails and is left out, as many rows hold the same. To take it: --map "Wer=email"',
            ),
        )
    )


def test_a_header_that_its_cells_contradict() -> None:
    columns, arguments = matched("Name,Phone,Email,City", "Ann,ann@example.com,612-555-0101,bob@x.com")
    assert (columns.describe(), columns.warnings) == snapshot(
        (
            [
                "Name → name",
                "Phone → email, by what it holds",
                "Email → phone, by what it holds",
                "City → email, by what it holds, where Phone is blank; otherwise to the notes",
            ],
            (
                'Phone stands for phone, but its cells are e-mails, such as "ann@example.com" (1 row): they are read as email',
                'Email stands for email, but its cells are phones, such as "612-555-0101" (1 row): they are read as phone',
                'City stands for address_city, but its cells are e-mails, such as "bob@x.com" (1 row): they are read as email',
            ),
        )
    )
    assert arguments == [
        {"name": "Ann", "phone": "612-555-0101", "email": "ann@example.com", "notes": "City: bob@x.com"}
    ]


def test_a_column_of_phones_and_of_emails() -> None:
    columns, arguments = matched(
        "Full name,Contact",
        "Ann,ann@example.com",
        "Bob,612-555-0102",
        "Cy,612-555-0103 / cy@x.com",
        "Di,Call 612-555-0104 or mail di@x.com",
    )
    assert columns.describe() == ["Full name → name", "Contact → email, by what it holds"]
    assert arguments == [
        {"name": "Ann", "email": "ann@example.com"},
        {"name": "Bob", "phone": "612-555-0102"},
        {"name": "Cy", "phone": "612-555-0103", "email": "cy@x.com"},
        {"name": "Di", "phone": "612-555-0104", "email": "di@x.com"},
    ]
    # A column of its own comes first.
    assert matched("Email,Phone", "612-555-0101,612-555-0102")[1] == [
        {"phone": "612-555-0102", "notes": "Email: 612-555-0101"}
    ]
    assert matched("Phone,Name", "ann@x.com,Ann", "612-555-0102,Bob", "612-555-0103,Cy")[1][0] == {
        "name": "Ann",
        "email": "ann@x.com",
    }


def test_the_only_names_are_not_left_out_quietly() -> None:
    assert described("Kunde,Phone", "Ann Lee,612-555-0101", "Bob Roe,612-555-0102")[1] == snapshot(
        (
            'Kunde seems to hold names, such as "Ann Lee" (2 rows), and is left out: the leads would have none. To take it: --map "Kunde=name"',
        )
    )
    assert described("Kunde,Phone", "Ann Lee,612-555-0101", Kunde="")[1] == ()


def test_a_format_that_a_field_has_not_is_said() -> None:
    assert described(
        "Name,Phone,Zip,City,State,Stage,Value,Follow up,Street,Notes",
        *['Ann,55328,$300.00,12/1/2026,55328,1/2/2026,55328,46357,"214 Oak St, Delano, MN 55328",12/1/2026']
        * 2,
    )[1] == snapshot(
        (
            'Phone stands for phone, but its cells look like ZIP codes, such as "55328" (2 rows). To leave it out: --map "Phone="',
            'Zip stands for address_zip, but its cells look like amounts, such as "$300.00" (2 rows). To leave it out: --map "Zip="',
            'City stands for address_city, but its cells look like dates, such as "12/1/2026" (2 rows). To leave it out: --map "City="',
            'State stands for address_state, but its cells look like ZIP codes, such as "55328" (2 rows). To leave it out: --map "State="',
            'Stage stands for stage, but its cells look like dates, such as "1/2/2026" (2 rows). To leave it out: --map "Stage="',
        )
    )


def test_fields_are_proposed_for_what_is_left_out() -> None:
    assert described(
        "Name,Phone,Call back,Created,Price,Area,Where",
        'Ann,612-555-0101,12/1/2026,1/1/2026,"$1,200",55328,"214 Oak St, Delano, MN 55328"',
    ) == snapshot(
        (
            [
                "Name → name",
                "Phone → phone",
                'Call back: left out, such as "12/1/2026" (1 row); --map "Call back=follow_up_date" takes it as follow_up_date',
                'Created: left out, such as "1/1/2026" (1 row)',
                'Price: left out, such as "$1,200" (1 row); --map "Price=projected_value" takes it as projected_value',
                'Area: left out, such as "55328" (1 row); --map "Area=address_zip" takes it as address_zip',
                'Where: left out, such as "214 Oak St, Delano, MN 55328" (1 row); --map "Where=address_street1" takes it as address_street1',
            ],
            (),
        )
    )


def test_columns_without_a_header() -> None:
    table_without = read_table(
        b"Ann Lee,612-555-0101,ann@example.com,x\nBob Roe,,bob@x.com,y", "-", header_row=0
    )
    columns = match_columns(table_without, {}, region="US")
    assert columns.describe() == snapshot(
        [
            "column 1 → name, by what it holds",
            "column 2 → phone, by what it holds",
            "column 3 → email, by what it holds",
            'column 4: left out, such as "x" (2 rows)',
        ]
    )
    columns = match_columns(table_without, {"column 4": "notes", "column 1": ""}, region="US")
    assert columns.read(table_without.rows[0]).arguments == {
        "phone": "612-555-0101",
        "email": "ann@example.com",
        "notes": "x",
    }


@pytest.mark.parametrize(
    ("header", "row", "name", "notes"),
    [
        ("Name,Surname", "Ann,Lee", "Ann Lee", None),
        ("Name,Surname", "Ann Lee,Lee", "Ann Lee", None),
        ("Customer,Surname", "ann,LEE", "ann LEE", None),
        ("First Name,Name", "Ann,Lee", "Ann Lee", None),
        ("First Name,Name", "Ann,Ann Lee", "Ann Lee", None),
        ("Name,First,Last", "Sparkle LLC,Ann,Lee", "Sparkle LLC", "First, Last: Ann Lee"),
        ("Name,First,Last", "Lee,Ann,Lee", "Ann Lee", None),
        ("Name,First,Middle,Last", "Ann Lee,Ann,Q,Lee", "Ann Q Lee", None),
        ("Name,First,Last", "Bob Lee,Ann,Lee", "Bob Lee", "First: Ann"),
        ("Name,Surname", "Sparkle LLC,Lee", "Sparkle LLC", "Surname: Lee"),
        ("Prefix,First,Last,Suffix", "Dr.,Ann,Lee,Jr.", "Dr. Ann Lee Jr.", None),
        ("Company,Phone", "Sparkle LLC,612-555-0101", "Sparkle LLC", None),
        ("Company,First,Last", "Sparkle LLC,Ann,Lee", "Ann Lee", "Company: Sparkle LLC"),
        ("Name,Company", "Ann Lee,Ann Lee", "Ann Lee", None),
        ("Suffix,Phone", "Jr.,612-555-0101", None, "Suffix: Jr."),
        ("Name,x", '"Doe, Jane",', "Jane Doe", None),
        ("Name,x", '"Doe, Jane & John",', "Jane & John Doe", None),
        ("Name,x", '"Smith, John, Jr.",', "John Smith Jr.", None),
        ("Name,x", '"Acme, Inc.",', "Acme, Inc.", None),
        ("Name,x", '"Jane Doe, DDS",', "Jane Doe, DDS", None),
        ("Name,x", '"Lee, Roe and Sons, LLC",', "Lee, Roe and Sons, LLC", None),
        ("Name,x", "Tom &amp; Ann Lee,", "Tom & Ann Lee", None),
        ("Name,x", "JosÃ© MuÃ±oz,", "José Muñoz", None),
    ],
)
def test_names(header: str, row: str, name: str | None, notes: str | None) -> None:
    _, (arguments,) = matched(header, row)
    assert (arguments.get("name"), arguments.get("notes")) == (name, notes)


WHOLE = "214 Oak St, Delano, MN 55328"


@pytest.mark.parametrize(
    ("header", "row", "address"),
    [
        ("Address", f'"{WHOLE}"', ("214 Oak St", "Delano", "MN", "55328")),
        ("Address", "214 Oak Street Delano MN 55328", ("214 Oak Street", "Delano", "MN", "55328")),
        ("Address", '"214 Oak St, Unit 5, Delano, Minnesota"', ("214 Oak St, Unit 5", "Delano", "Minnesota", None)),
        ("Address", "214 Oak St", ("214 Oak St", None, None, None)),
        ("Address,Street,City,Zip", f'"{WHOLE}",214 Oak St,Delano,55328', ("214 Oak St", "Delano", None, "55328")),
        ("Address,City,Zip", f'"{WHOLE}",Delano,55328', ("214 Oak St", "Delano", "MN", "55328")),
        ("Address,City", f'"{WHOLE}",Buffalo', (WHOLE, "Buffalo", None, None)),
        ("Address,Street,City", f'"{WHOLE}",9 Elm Ave,Buffalo', ("9 Elm Ave", "Buffalo", None, None)),
        ("Address", '"12 Rue St-Denis, Montréal, QC H2X 1K9"', ("12 Rue St-Denis, Montréal, QC H2X 1K9", None, None, None)),
    ],
)  # fmt: skip
def test_addresses_whole_and_in_parts(header: str, row: str, address: tuple[str | None, ...]) -> None:
    _, (arguments,) = matched(f"Name,{header}", f"Ann,{row}")
    assert tuple(arguments.get(f"address_{part}") for part in ("street1", "city", "state", "zip")) == address


def test_an_address_that_the_parts_contradict_is_named() -> None:
    columns, _ = matched("Name,Address,Street", f'Ann,"{WHOLE}",9 Elm Ave')
    rows = table("Name,Address,Street", f'Ann,"{WHOLE}",9 Elm Ave')
    assert columns.read(rows.rows[0]).remarks == snapshot(
        [
            CellRemark(
                kind="left_out",
                column="Address",
                cell="214 Oak St, Delano, MN 55328",
                text='"9 Elm Ave" is used',
            )
        ]
    )


headers = st.sampled_from(
    [
        *("Name", "Full name", "First name", "Last name", "Phone", "Mobile", "Cell", "Email", "E-mail address"),
        *("Street", "Street", "City", "Town", "Property city", "Home street", "Zip", "Source", "Lead source"),
        *("Stage", "Deal stage", "Service", "Job type", "Value", "Estimate", "id", "Lead ID", "confirm"),
        *("Notes", "Comments", "Tags", "Labels", "created_at", "Shoe size", ""),
    ]
)  # fmt: skip


@given(
    st.lists(headers, min_size=1, max_size=12),
    st.dictionaries(st.integers(0, 11), st.sampled_from([*FIELDS, "first_name", ""]), max_size=3),
)
def test_no_cell_goes_to_two_fields_and_no_field_takes_two_columns(
    header: list[str], given_places: dict[int, str]
) -> None:
    # Every cell is a word of its own, so that it can be found again.
    cells = [f"w{place}w" for place in range(len(header))]
    rows = table(",".join(["name", *header]), ",".join(["w99w", *cells]))
    asked = {rows.columns[place]: field for place, field in given_places.items() if place < len(rows.columns)}
    try:
        columns = match_columns(rows, asked, region="US")
    except ColumnError:
        return
    arguments = columns.read(rows.rows[0]).arguments
    found = {field: re.findall(r"w\d+w", str(value)) for field, value in arguments.items()}
    everywhere = [cell for of_field in found.values() for cell in of_field]
    assert len(everywhere) == len(set(everywhere))
    single = {field for field in found if field not in ("name", "notes", "tags")}
    assert {field: len(found[field]) for field in single} == dict.fromkeys(single, 1)
    assert len(columns.describe()) == len(rows.columns)
    taken = {source.column for source in columns.sources}
    assert taken.isdisjoint(columns.left_out)
    assert taken | columns.left_out.keys() == set(rows.columns)
    assert len(taken) == len(columns.sources)


@given(
    st.lists(st.text(min_size=1) | headers, min_size=1, max_size=6, unique=True),
    st.lists(st.text(), min_size=6, max_size=6),
    st.sampled_from([*FIELDS, "last_name"]),
)
def test_any_header_and_cells_can_be_matched(header: list[str], cells: list[str], field: str) -> None:
    rows = Table(tuple(header), (Row(2, dict(zip(header, cells, strict=False))),), "CSV")
    try:
        columns = match_columns(rows, {header[0]: field}, region="US")
    except ColumnError:
        return
    assert len(columns.describe()) == len(header)
    arguments = columns.read(rows.rows[0]).arguments
    assert set(arguments) <= set(FIELDS)
    assert all(arguments.values())
