//! Metadata columns that only SQL asks for: there for whoever names them, and no part of the rows.
//!
//! They travel through a plan under names that no rule minds. SQL sees them under their own names, but not in `*`.

use crate::filter::rules::hidden::{hidden_name, is_hidden, shown_name};
use crate::filter::{FilterError, Stage, column};
use crate::parse::origin::ORIGIN_COLUMN_NAME;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{
    ExcludeSelectItem, Ident, ObjectName, Select, SelectItem, SelectItemQualifiedWildcardKind, Statement, TableFactor,
    TableWithJoins, VisitMut, VisitorMut, WildcardAdditionalOptions,
};
use std::convert::Infallible;
use std::ops::ControlFlow;

/// The input of a query.
pub(super) struct ShownInput {
    pub(super) plan: LogicalPlan,
    /// Metadata columns that are hidden elsewhere, by the names they have here.
    pub(super) names: Vec<String>,
    /// Whether rows have their origin with them.
    pub(super) has_origins: bool,
}

/// Gives hidden columns their own names, but for those that another column has.
pub(super) fn shown(stage: &Stage<'_>, plan: LogicalPlan) -> Result<ShownInput, FilterError> {
    let fields = plan.schema().fields();
    if !fields.iter().any(|field| is_hidden(field.name())) {
        return Ok(ShownInput {
            plan,
            names: Vec::new(),
            has_origins: false,
        });
    }
    let (mut names, mut columns) = (Vec::new(), Vec::with_capacity(fields.len()));
    let mut has_origins = false;
    for field in fields {
        let name = shown_name(field.name());
        if field.name() == ORIGIN_COLUMN_NAME {
            has_origins = true;
            columns.push(column(name));
        } else if !is_hidden(field.name()) {
            columns.push(column(name));
        } else if plan.schema().index_of_column_by_name(None, name).is_none() {
            columns.push(column(field.name()).alias(name));
            names.push(name.to_owned());
        }
    }
    let plan = LogicalPlanBuilder::from(plan)
        .project(columns)
        .and_then(LogicalPlanBuilder::build)
        .map_err(|source| stage.plan_error(source))?;
    Ok(ShownInput {
        plan,
        names,
        has_origins,
    })
}

/// Hides these columns again.
pub(super) fn hide(stage: &Stage<'_>, plan: LogicalPlan, names: &[String]) -> Result<LogicalPlan, FilterError> {
    if names.is_empty() {
        return Ok(plan);
    }
    let fields = plan.schema().fields().iter();
    let columns: Vec<_> = fields
        .map(|field| match names.contains(field.name()) {
            true => column(field.name()).alias(hidden_name(field.name())),
            false => column(field.name()),
        })
        .collect();
    LogicalPlanBuilder::from(plan)
        .project(columns)
        .and_then(LogicalPlanBuilder::build)
        .map_err(|source| stage.plan_error(source))
}

/// Makes every `*` over the input leave these columns out.
pub(super) fn keep_out_of_wildcards(statement: &mut Statement, input: &ShownInput) {
    let mut names = input.names.clone();
    names.extend(input.has_origins.then(|| ORIGIN_COLUMN_NAME.to_owned()));
    if !names.is_empty() {
        let _: ControlFlow<Infallible> = statement.visit(&mut Wildcards { names: &names });
    }
}

struct Wildcards<'a> {
    names: &'a [String],
}

impl VisitorMut for Wildcards<'_> {
    type Break = Infallible;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Infallible> {
        // The names by which this `SELECT` knows the input.
        let inputs: Vec<String> = select.from.iter().flat_map(inputs_of).collect();
        for item in &mut select.projection {
            match item {
                SelectItem::Wildcard(options) if !inputs.is_empty() => self.exclude(options),
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options)
                    if inputs.contains(&name.to_string()) =>
                {
                    self.exclude(options);
                }
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }
}

impl Wildcards<'_> {
    fn exclude(&self, options: &mut WildcardAdditionalOptions) {
        let mut excluded = match options.opt_exclude.take() {
            Some(ExcludeSelectItem::Single(name)) => vec![name],
            Some(ExcludeSelectItem::Multiple(names)) => names,
            None => Vec::new(),
        };
        for name in self.names {
            let name = ObjectName::from(vec![Ident::with_quote('"', name)]);
            if !excluded.contains(&name) {
                excluded.push(name);
            }
        }
        options.opt_exclude = Some(ExcludeSelectItem::Multiple(excluded));
    }
}

fn inputs_of(table: &TableWithJoins) -> Vec<String> {
    let joined = table.joins.iter().map(|join| &join.relation);
    std::iter::once(&table.relation)
        .chain(joined)
        .filter_map(|relation| match relation {
            TableFactor::Table { name, alias, .. } if name.to_string() == super::TABLE => Some(match alias {
                Some(alias) => alias.name.to_string(),
                None => super::TABLE.to_owned(),
            }),
            _ => None,
        })
        .collect()
}
