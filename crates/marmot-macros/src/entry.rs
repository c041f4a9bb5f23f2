//! `#[main]` and `#[test]`: a function that becomes the main goroutine of a runtime.
//!
//! ```text
//! #[marmot::main(max_procs = 2)]     fn main() {
//! async fn main() { BODY }      ──▶      async fn main() { BODY }
//!                                        ::marmot::__private::main(OPTIONS, main())
//!                                    }
//!
//! async fn main() -> RET { .. } ──▶  fn main() -> ::std::process::ExitCode {
//!                                        async fn main() -> RET { .. }
//!                                        .. async move { Termination::report(main().await) }
//! ```
//!
//! The user's function goes on living, whole, inside one of the same name that starts the
//! runtime. So `?`, `return` and every type error in it are as without the attribute, and the
//! body is the user's own token group: editors complete inside it. What cannot be understood is
//! passed on as it came, with the complaint behind it, for the same reason.
//!
//! What the function returns is reported by its goroutine, on the worker, because it need not be
//! `Send`: `Box<dyn Error>` is not. Only the exit code travels to the thread that waits.

use proc_macro::{Delimiter, Group, Ident, Literal, Spacing, Span, TokenStream, TokenTree};

/// Which of the two attributes is being expanded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Main,
    Test,
}

/// What is wrong, and at which of the user's tokens.
struct Complaint {
    at: Span,
    text: String,
}

/// The pieces of `ATTRIBUTES VISIBILITY [async] fn NAME() [-> RETURN] { BODY }`.
struct Function {
    attributes: TokenStream,
    visibility: TokenStream,
    is_async: bool,
    name: Ident,
    /// The arrow and the type, or nothing.
    returns: TokenStream,
    body: Group,
}

/// Expands either attribute.
pub(crate) fn expand(kind: Kind, options: TokenStream, item: TokenStream) -> TokenStream {
    let parts = parse_options(kind, options)
        .and_then(|options| Ok((options, parse_function(kind, item.clone())?)));
    match parts {
        Ok((options, function)) => write(kind, &options, function),
        Err(complaint) => item.into_iter().chain(complain(&complaint)).collect(),
    }
}

/// The function around the user's own.
fn write(kind: Kind, options: &[Setting], function: Function) -> TokenStream {
    let at = function.name.span();
    let entry = call(kind, options, &function);

    let mut inside = source(if function.is_async { "async fn" } else { "fn" }, at);
    inside.extend([TokenTree::Ident(function.name.clone())]);
    inside.extend(source("()", at));
    inside.extend(function.returns.clone());
    inside.extend([TokenTree::Group(function.body)]);
    inside.extend(source(&entry, at));

    let mut outside = match kind {
        Kind::Main => TokenStream::new(),
        Kind::Test => source("#[::core::prelude::v1::test]", at),
    };
    outside.extend(function.attributes);
    outside.extend(function.visibility);
    outside.extend(source("fn", at));
    outside.extend([TokenTree::Ident(function.name)]);
    outside.extend(source("()", at));
    if !function.returns.is_empty() {
        outside.extend(source("-> ::std::process::ExitCode", at));
    }
    outside.extend([TokenTree::Group(Group::new(Delimiter::Brace, inside))]);
    outside
}

/// The expression that starts the runtime: with a future for `main`, with a maker of futures for
/// `test`, which may have to run one body under many seeds.
fn call(kind: Kind, options: &[Setting], function: &Function) -> String {
    let name = &function.name;
    let options: String = options
        .iter()
        .map(|option| format!(".{}({})", option.name, option.value))
        .collect();
    let options = format!("::marmot::__private::Options::new(){options}");
    let future = future(function);
    match kind {
        Kind::Main => format!("::marmot::__private::main({options}, {future})"),
        Kind::Test => {
            let path = format!("::core::concat!(::core::module_path!(), \"::{name}\")");
            format!("::marmot::__private::test({options}, {path}, || {future})")
        }
    }
}

/// The goroutine: the user's function, and what becomes of its answer.
fn future(function: &Function) -> String {
    let name = &function.name;
    let value = match function.is_async {
        true => format!("{name}().await"),
        false => format!("{name}()"),
    };
    match function.returns.is_empty() {
        true if function.is_async => format!("{name}()"),
        true => format!("async move {{ {value} }}"),
        false => format!("async move {{ ::std::process::Termination::report({value}) }}"),
    }
}

/// Tokens of ours, shown by the compiler at `at` when something is wrong with them: a body that
/// is not `Send` is then reported at the function's name and not at the attribute.
fn source(text: &str, at: Span) -> TokenStream {
    fn place(stream: TokenStream, span: Span) -> TokenStream {
        stream
            .into_iter()
            .map(|token| placed(token, span))
            .collect()
    }
    fn placed(token: TokenTree, span: Span) -> TokenTree {
        let mut token = match token {
            TokenTree::Group(group) => {
                TokenTree::Group(Group::new(group.delimiter(), place(group.stream(), span)))
            }
            other => other,
        };
        token.set_span(span);
        token
    }
    let parsed = text.parse().expect("our own text is made of tokens");
    place(parsed, Span::call_site().located_at(at))
}

/// `::core::compile_error! { "text" }`, shown at the token that is wrong.
fn complain(complaint: &Complaint) -> TokenStream {
    let text = Literal::string(&complaint.text).to_string();
    source(
        &format!("::core::compile_error! {{ {text} }}"),
        complaint.at,
    )
}

// ---- the item ------------------------------------------------------------------------------

/// Takes the item apart, without looking into its body.
fn parse_function(kind: Kind, item: TokenStream) -> Result<Function, Complaint> {
    let mut tokens = item.into_iter().peekable();
    let mut attributes = TokenStream::new();
    let mut visibility = TokenStream::new();
    let mut is_async = false;

    while is_punct(tokens.peek(), '#') {
        attributes.extend(tokens.next());
        let attribute = tokens.next();
        refuse_second_test(kind, attribute.as_ref())?;
        attributes.extend(attribute);
    }
    // A `$vis` of somebody's macro arrives as a group without delimiters.
    if is_ident(tokens.peek(), "pub") || is_group(tokens.peek(), Delimiter::None) {
        visibility.extend(tokens.next());
        if is_group(tokens.peek(), Delimiter::Parenthesis) {
            visibility.extend(tokens.next());
        }
    }
    loop {
        match tokens.next() {
            Some(TokenTree::Ident(word)) if word.to_string() == "async" => is_async = true,
            Some(TokenTree::Ident(word)) if word.to_string() == "fn" => break,
            other => return Err(wrong(other.as_ref(), "expected a `fn` or an `async fn`")),
        }
    }
    let name = match tokens.next() {
        Some(TokenTree::Ident(name)) => name,
        other => return Err(wrong(other.as_ref(), "expected the function's name")),
    };
    expect_no_arguments(tokens.next())?;

    let mut rest: Vec<TokenTree> = tokens.collect();
    match rest.pop() {
        Some(TokenTree::Group(body))
            if matches!(body.delimiter(), Delimiter::Brace | Delimiter::None) =>
        {
            let returns = rest.into_iter().collect();
            Ok(Function {
                attributes,
                visibility,
                is_async,
                name,
                returns,
                body,
            })
        }
        other => Err(wrong(other.as_ref(), "expected the function's body")),
    }
}

/// A main function or test gets its arguments from nobody.
fn expect_no_arguments(token: Option<TokenTree>) -> Result<(), Complaint> {
    match token {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
            match group.stream().into_iter().next() {
                None => Ok(()),
                Some(first) => Err(wrong(Some(&first), "this function cannot take arguments")),
            }
        }
        Some(other) if is_punct(Some(&other), '<') => {
            Err(wrong(Some(&other), "this function cannot be generic"))
        }
        other => Err(wrong(other.as_ref(), "expected `()`")),
    }
}

/// `#[marmot::test]` brings `#[test]` with it; a second one would run the test twice.
fn refuse_second_test(kind: Kind, attribute: Option<&TokenTree>) -> Result<(), Complaint> {
    let Some(TokenTree::Group(group)) = attribute else {
        return Ok(());
    };
    let mut inside = group.stream().into_iter();
    match (inside.next(), inside.next()) {
        (first @ Some(TokenTree::Ident(_)), None)
            if kind == Kind::Test && is_ident(first.as_ref(), "test") =>
        {
            Err(wrong(
                first.as_ref(),
                "`#[marmot::test]` already makes this a test; remove `#[test]`",
            ))
        }
        _ => Ok(()),
    }
}

// ---- the options ---------------------------------------------------------------------------

/// One option: a method of the runtime's `Options`, and the argument it gets.
struct Setting {
    name: String,
    value: String,
    at: Span,
}

/// What an option takes behind its `=`.
enum Takes {
    /// A whole number above zero.
    Count,
    /// One of these words, as a string.
    Word(&'static [&'static str]),
    /// Nothing: to name it is to want it.
    Nothing,
}

/// Every option: its name, what it takes, and whether only tests have it.
const OPTIONS: [(&str, Takes, bool); 7] = [
    ("max_procs", Takes::Count, false),
    ("panic", Takes::Word(&["crash", "report"]), false),
    ("deadlock", Takes::Word(&["fatal", "report", "off"]), false),
    ("leaks", Takes::Word(&["report", "fail", "off"]), true),
    ("virtual_time", Takes::Nothing, true),
    ("real_time", Takes::Nothing, true),
    ("seeds", Takes::Count, true),
];

/// `max_procs = 2, panic = "report"`, in any order, each at most once.
fn parse_options(kind: Kind, tokens: TokenStream) -> Result<Vec<Setting>, Complaint> {
    let mut settings: Vec<Setting> = Vec::new();
    let mut tokens = tokens.into_iter();
    while let Some(token) = tokens.next() {
        let setting = parse_option(kind, &token, &mut tokens)?;
        refuse_conflict(&settings, &setting)?;
        settings.push(setting);
        match tokens.next() {
            None => break,
            comma if is_punct(comma.as_ref(), ',') => {}
            other => return Err(wrong(other.as_ref(), "expected `,` and the next option")),
        }
    }
    Ok(settings)
}

/// One `name = value` or `name`; stops before the comma.
fn parse_option(
    kind: Kind,
    name: &TokenTree,
    tokens: &mut impl Iterator<Item = TokenTree>,
) -> Result<Setting, Complaint> {
    let known = OPTIONS.iter().find(|option| is_ident(Some(name), option.0));
    let value = match known {
        None => {
            return Err(wrong(
                Some(name),
                &format!("unknown option; there is {}", names(kind)),
            ));
        }
        Some((_, _, true)) if kind == Kind::Main => {
            return Err(wrong(Some(name), "only `#[marmot::test]` has this option"));
        }
        Some((_, Takes::Nothing, _)) => String::new(),
        Some((option, takes, _)) => {
            let equals = tokens.next();
            if !is_punct(equals.as_ref(), '=') {
                let at = equals.as_ref().unwrap_or(name);
                return Err(wrong(
                    Some(at),
                    &format!("expected `{option} = {}`", describe(takes)),
                ));
            }
            let value = tokens.next();
            parse_value(takes, value.as_ref()).ok_or_else(|| {
                wrong(
                    Some(value.as_ref().unwrap_or(name)),
                    &format!("expected {}", describe(takes)),
                )
            })?
        }
    };
    Ok(Setting {
        name: name.to_string(),
        value,
        at: name.span(),
    })
}

/// The value as Rust source, if it is one that the option takes.
fn parse_value(takes: &Takes, value: Option<&TokenTree>) -> Option<String> {
    let Some(TokenTree::Literal(literal)) = value else {
        return None;
    };
    let text = literal.to_string();
    let good = match takes {
        Takes::Count => text
            .replace('_', "")
            .parse::<usize>()
            .is_ok_and(|count| count > 0),
        Takes::Word(words) => words.iter().any(|word| text == format!("\"{word}\"")),
        Takes::Nothing => false,
    };
    good.then_some(text)
}

/// The same option twice, or two clocks at once.
fn refuse_conflict(settings: &[Setting], new: &Setting) -> Result<(), Complaint> {
    let clock = |name: &str| name == "virtual_time" || name == "real_time";
    let clash = settings
        .iter()
        .find(|old| old.name == new.name || (clock(&old.name) && clock(&new.name)));
    match clash {
        None => Ok(()),
        Some(old) if old.name == new.name => Err(Complaint {
            at: new.at,
            text: format!("`{}` is given twice", new.name),
        }),
        Some(old) => Err(Complaint {
            at: new.at,
            text: format!("`{}` and `{}` exclude each other", old.name, new.name),
        }),
    }
}

/// What a value may be, for a message.
fn describe(takes: &Takes) -> String {
    match takes {
        Takes::Count => "a whole number above zero".to_owned(),
        Takes::Word(words) => words
            .iter()
            .map(|word| format!("\"{word}\""))
            .collect::<Vec<_>>()
            .join(" or "),
        Takes::Nothing => "no value".to_owned(),
    }
}

/// The options that exist here, for a message.
fn names(kind: Kind) -> String {
    let here = OPTIONS
        .iter()
        .filter(|option| kind == Kind::Test || !option.2);
    here.map(|option| format!("`{}`", option.0))
        .collect::<Vec<_>>()
        .join(", ")
}

// ---- tokens --------------------------------------------------------------------------------

/// A complaint at `token`, or at the whole attribute if the tokens ended too early.
fn wrong(token: Option<&TokenTree>, text: &str) -> Complaint {
    Complaint {
        at: token.map_or_else(Span::call_site, TokenTree::span),
        text: text.to_owned(),
    }
}

fn is_ident(token: Option<&TokenTree>, name: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident.to_string() == name)
}

/// A lone `mark`: not the first half of `==` or `=>`.
fn is_punct(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark && punct.spacing() == Spacing::Alone)
}

fn is_group(token: Option<&TokenTree>, delimiter: Delimiter) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == delimiter)
}
